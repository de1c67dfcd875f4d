"""What guides end with: a model behind FastAPI, one request, one pass. The server that benchmarks/serving.py compares with.

    FOLDER=runs/.../model uvicorn benchmarks.plain_server:app
"""

import os

import torch
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

app = FastAPI()
tokenizer = AutoTokenizer.from_pretrained(os.environ["FOLDER"])
model = AutoModelForSequenceClassification.from_pretrained(os.environ["FOLDER"], dtype=torch.float32)
model.eval()


class TextRequest(BaseModel):
    text: str


def classify(text: str) -> dict:
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
    with torch.no_grad():
        probabilities = torch.softmax(model(**inputs).logits, dim=-1)[0]
    best = int(probabilities.argmax())
    return {"label": model.config.id2label[best], "score": float(probabilities[best])}


@app.post("/predict")
def predict(request: TextRequest) -> dict:
    return classify(request.text)


@app.post("/predict-async")
async def predict_async(request: TextRequest) -> dict:
    return classify(request.text)
