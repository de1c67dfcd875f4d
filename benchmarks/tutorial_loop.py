"""The training loop of the guides, written plainly: texts padded to max_length, batches of 16, AdamW, float32."""

import torch
from torch.utils.data import DataLoader, TensorDataset


def train(model, tokenizer, texts, labels, steps: int, learning_rate: float, max_length: int = 128, batch_size: int = 16, seed: int = 42):
    """Train `model` for so many steps on texts and label numbers; no schedule, no clipping, as the guides do."""
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=max_length, return_tensors="pt")
    rows = TensorDataset(encoded["input_ids"], encoded["attention_mask"], torch.tensor(labels))
    loader = DataLoader(rows, batch_size=batch_size, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    model.train()
    done = 0
    while done < steps:
        for input_ids, attention_mask, target in loader:
            optimizer.zero_grad()
            loss = model(input_ids=input_ids, attention_mask=attention_mask, labels=target).loss
            loss.backward()
            optimizer.step()
            done += 1
            if done == steps:
                break
