"""Every family that the README names, in every task that it is for: a model without a head is loaded, learns and answers."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers

from ftui import tasks
from ftui.artifacts.predicting import Predictor
from ftui.artifacts.runtimes import heads
from ftui.core.recipe import Language
from ftui.data import answers, conversations, spans
from tests.training.test_strategies import SIZES

ENCODERS = ("bert", "roberta", "electra", "distilbert", "modernbert")
MORE = {
    "qwen2": SIZES["llama"],
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 3, "num_heads": 2, "decoder_start_token_id": 0},
    "bart": {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16},
}
DECODERS = ("gpt2", "llama", "qwen2")
TEXTS = ["这个 很好 东西", "the thing was awful", "喜欢 and so", "really broken"]
ROWS = {"row": range(4), "text": TEXTS}
ENTITY = [[{"start": 3, "end": 5, "label": "GOOD"}], [], [], []]
ANSWER = [[{"start": 3, "end": 5, "text": "很好"}], [], [], []]
CASES = {  # task: (families, rows)
    "text-classification": ((*ENCODERS, *DECODERS, "t5", "bart"), ROWS | {"label": ["正面", "负面", "正面", "负面"]}),
    "multi-label-classification": ((*ENCODERS, *DECODERS, "t5", "bart"), ROWS | {"labels": [["a"], ["a", "b"], [], ["b"]]}),
    "text-regression": ((*ENCODERS, *DECODERS, "t5", "bart"), ROWS | {"text_pair": TEXTS[::-1], "number": [1.0, 2.0, 4.0, 8.0]}),
    "token-classification": (ENCODERS, ROWS | {"spans": pa.array(ENTITY, spans.TYPE)}),
    "question-answering": (ENCODERS, {"row": range(4), "question": TEXTS, "context": TEXTS, "answers": pa.array(ANSWER, answers.TYPE)}),
}
WRITING = {"fill-mask": ENCODERS, "text-generation": DECODERS, "preference-tuning": DECODERS}


@pytest.fixture(scope="module")
def tokenizer(toy_model):
    made = transformers.AutoTokenizer.from_pretrained(toy_model)
    made.eos_token, made.bos_token = made.sep_token, made.cls_token  # T5 and BART look for the end of a text
    return made


def saved(family, tokenizer, folder, kind=transformers.AutoModel):
    """A folder with a small model of random weights."""
    torch.manual_seed(0)
    ends = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    sizes = SIZES.get(family) or MORE[family]
    config = transformers.AutoConfig.for_model(family, vocab_size=len(tokenizer), max_position_embeddings=64, **sizes, **ends)
    kind.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(("name", "family"), [(name, family) for name, (families, _) in CASES.items() for family in families])
def test_a_head_is_put_on_and_learns(name, family, tokenizer, tmp_path):
    task, table = tasks.get(name), pa.table(CASES[name][1])
    labels = task.labels({"train": table})
    model = task.load_model(saved(family, tokenizer, tmp_path), labels, dtype=torch.float32)
    if hasattr(task, "begin_head"):
        task.begin_head(model, table, labels)
    windows = task.encode(table, tokenizer, 32, labels)
    batch = task.collator(tokenizer)([{key: row[key] for key in (*tokenizer.model_input_names, "labels") if key in row} for row in windows.to_list()])
    batch = {key: value for key, value in batch.items() if key == "labels" or key in tokenizer.model_input_names}
    if family not in ("bert", "electra", "roberta"):
        batch.pop("token_type_ids", None)
    wanted = batch.pop("labels")
    losses = []
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(6):
        loss = task.loss(model(**batch), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all() and min(losses[1:]) < losses[0]
    with torch.no_grad():
        outputs = [head.numpy() for head in heads(model.eval()(**batch))]
    said = task.answers(table, windows, [part[0] if len(part) == 1 else list(part) for part in zip(*outputs, strict=True)], labels)
    assert len(said) == len([task.said(answer) for answer in said]) == 4


@pytest.mark.parametrize(("name", "family"), [(name, family) for name, families in WRITING.items() for family in families])
def test_those_that_write_keep_their_own_head(name, family, tokenizer, tmp_path):
    task = tasks.get(name)
    kind = getattr(transformers, task.MODEL)
    model = task.load_model(saved(family, tokenizer, tmp_path, kind), [], dtype=torch.float32)
    assert type(model) is type(kind.from_config(model.config)) and model.get_output_embeddings() is not None
    talk = [{"role": "user", "content": "这个"}, {"role": "assistant", "content": "很好 喜欢"}]
    table = pa.table({"row": [0], "text": ["这个 很好 东西"], "messages": pa.array([talk], conversations.TYPE), "rejected": ["很差"]})
    (row,) = task.encode(table, tokenizer, 32, None, Language(chat_template="plain")).to_list()
    ids = torch.tensor([row["input_ids"]])
    assert model(input_ids=ids).logits.shape == (1, len(row["input_ids"]), len(tokenizer))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["t5", "gpt2", "modernbert", "distilbert"])
def test_the_whole_way_to_an_answer(family, tokenizer, tmp_path, train_here):
    done = train_here({"name": "full"}, max_steps=30, learning_rate=1e-2, sections={"model": saved(family, tokenizer, tmp_path / family)})
    assert done.finished
    report = json.loads(done.run.report.read_text())
    assert report["splits"]["test"]["metrics"]["accuracy"] > 0.8, "good words and bad ones are soon told apart"
    answer = Predictor(done.run.model).predict([{"text": "这个 很好 喜欢 满意"}])[0]
    assert answer["label"] == "正面"
