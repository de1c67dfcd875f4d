"""Text to text: what is learned, counted, written and asked, with small models of several families."""

import json

import pyarrow as pa
import pytest
import torch
import transformers
import yaml

from ftui.artifacts.predicting import Predictor
from ftui.artifacts.writing import Sampling
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.recipe import Language
from ftui.tasks import text2text
from ftui.training import labelled, microbatches, strategies
from ftui.training.batching import token_counts
from tests.conftest import BAD, FILLER, GOOD
from tests.jobs.test_tasks import shows_it
from tests.training.conftest import Here

STACKS = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
SIZES = {
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
    "mt5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
    "bart": {"d_model": 16, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1, "forced_eos_token_id": 1, **STACKS},
    "marian": {"d_model": 16, "max_position_embeddings": 64, "pad_token_id": 0, "eos_token_id": 1, **STACKS},
}


def built(family, vocabulary=50):
    torch.manual_seed(0)
    sizes = {"vocab_size": vocabulary, "decoder_start_token_id": 0, **SIZES[family]}
    return transformers.AutoModelForSeq2SeqLM.from_config(transformers.AutoConfig.for_model(family, **sizes)).eval()


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", "fix:", *GOOD, *BAD, *FILLER]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=64)


def table(*rows):
    return pa.table({"row": list(range(len(rows))), "source": [source for source, _ in rows], "target": [target for _, target in rows]})


@pytest.mark.parametrize("family", SIZES)
def test_the_same_loss_and_gradients(family):
    model = built(family)
    ids = torch.randint(2, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    labels = torch.randint(2, 50, (3, 5), generator=torch.Generator().manual_seed(2))
    labels[0, 3:] = labels[2, 1:] = -100
    inputs = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    whole = model(**inputs).loss
    whole.backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}  # Marian's positions never learn
    model.zero_grad()
    logits, found = labelled.forward(model, model.get_output_embeddings(), inputs, shifted=False)
    assert logits.shape == (3 + 5 + 1, 50)
    text2text.loss(logits, found).backward()
    assert text2text.loss(logits, found).item() == pytest.approx(whole.item(), rel=1e-5)
    for name, gradient in wanted.items():
        assert torch.allclose(model.get_parameter(name).grad, gradient, atol=1e-6), name


def test_sources_with_their_prefix_and_both_ends_are_cut(tokenizer):
    rows = table(("这个 东西", "很好"), ("the thing was really", "很差 很差 很差 很差 很差"))
    found = text2text.encode(rows, tokenizer, 4, None, Language(prefix="fix: "))
    assert list(map(tokenizer.decode, found["input_ids"])) == ["fix: 这个 东西 </s>", "fix: the thing </s>"]
    assert [len(ids) for ids in found["labels"]] == [2, 4] and all(ids[-1] == 1 for ids in found["labels"])
    assert found["characters"] == [2, len("很差 很差 很差")]
    assert token_counts(found, text2text.TEXTS).tolist() == [[4, 4], [2, 4]]


def test_parts_of_an_update_count_source_and_target(tokenizer):
    rows = table(*[("这个 " * 8, "很好 " * 40), ("这个 " * 8, "很好")] * 4)
    encoded = text2text.encode(rows, tokenizer, 64, None, Language()).remove_columns(["row", "characters"])
    parts = microbatches.Cut(text2text.collator(tokenizer), 200, 8, text2text.TEXTS)(list(encoded))["parts"]
    assert sum(len(part["labels"]) for part in parts) == 8
    assert all(part["input_ids"].numel() + part["labels"].numel() <= 200 + 64 for part in parts) and len(parts) > 2
    together = microbatches.Cut(text2text.collator(tokenizer), 200, 8)(list(encoded))["parts"]
    assert max(part["labels"].numel() for part in together) > 300, "by sources alone the long targets would be forgotten"


@pytest.mark.parametrize("family", SIZES)
def test_strategies_work_or_say_why_not(family):
    model = built(family)
    assert strategies.layers(model) == 4
    depth = {name: d for (name, _), (_, d) in zip(model.named_parameters(), strategies.depths(model), strict=True)}
    ends = {d: name for name, d in depth.items()}
    assert "decoder" in ends[1] and "decoder" in ends[2] and "encoder" in ends[3] and "encoder" in ends[4] and depth[next(n for n in depth if "shared" in n)] == 5
    last = strategies.last_n(built(family), recipes.LastN(n=2))
    assert all("encoder." not in name and "shared" not in name for name, p in last.named_parameters() if p.requires_grad)
    adapted = strategies.lora(built(family), recipes.Lora())
    assert adapted.peft_config["default"].task_type == "SEQ_2_SEQ_LM"
    assert all("lora_" in name for name, p in adapted.named_parameters() if p.requires_grad)
    learning = [name for name, p in strategies.frozen(built(family), recipes.Frozen()).named_parameters() if p.requires_grad]
    assert learning and all("decoder." in name or name == "lm_head.weight" for name in learning), "the encoder and the words stay"
    if "t5" in family:
        with pytest.raises(UserError) as caught:
            strategies.bitfit(built(family), recipes.BitFit())
        assert caught.value.code == "no_biases"
    else:
        assert all(name.endswith("bias") for name, p in strategies.bitfit(built(family), recipes.BitFit()).named_parameters() if p.requires_grad)


@pytest.fixture(scope="module")
def run(tokenizer, tmp_path_factory):
    """A small T5 that has learned to turn each good word into the bad one of the same number, said twice."""
    from ftui.training.run import train

    folder = tmp_path_factory.mktemp("text2text")
    tokenizer.save_pretrained(folder / "t5")
    config = transformers.T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
    torch.manual_seed(0)
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder / "t5")
    lines = ["article,summary"]
    for i in range(240):
        words = [FILLER[(i * k) % len(FILLER)] for k in range(1, 2 + i % 4)]
        words.insert(i % len(words), GOOD[i % 8])
        lines.append(f"{' '.join(words)} {i},{BAD[i % 8]} {BAD[i % 8]}")
    (folder / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    made = Home(folder / "home").new_run()
    recipe = {
        "task": "text2text-generation", "model": str(folder / "t5"), "device": "cpu", "data": {"path": str(folder / "a.csv"), "keep_together": "none", "columns": {"source": "article", "target": "summary"}},
        "training": {"num_train_epochs": 30, "learning_rate": 1e-2, "bf16": False, "metric_for_best_model": "validation_perplexity"},
        "language": {"prefix": "fix:", "max_new_tokens": 8, "samples": 20},
    }  # fmt: skip
    made.recipe.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    job = made.new_job("train")
    assert train(Here(job, {}, ev.Writer(job.events, 1), None))
    return made


def test_the_whole_way(run):
    report = json.loads(run.report.read_text())
    test, before = report["splits"]["test"]["metrics"], report["baseline"]["metrics"]
    assert test["rougeL"] > 0.9 > 0.2 > before["rougeL"] and test["perplexity"] < 1.5 < 10 < before["perplexity"]
    assert {"bleu", "chrf"} <= set(test) and report["splits"]["test"]["written"] == 20 == sum(report["splits"]["test"]["scores"]["counts"])
    shows_it(run.home, run, ("source",))
    answers = Predictor(run.model).predict([{"source": f"the {GOOD[3]} thing"}, {"source": f"{GOOD[5]} so and so"}])
    assert [answer["text"] for answer in answers] == [f"{BAD[3]} {BAD[3]}", f"{BAD[5]} {BAD[5]}"]


def test_sources_of_any_length_are_read_as_if_alone(run):
    writer = Predictor(run.model).writer
    prompts = [text2text.begin(text, writer) for text in (GOOD[1], "the thing was really so and so " * 3 + GOOD[2])]
    assert writer.write(prompts) == [writer.write([prompt])[0] for prompt in prompts]


@pytest.mark.parametrize("family", ["bart", "marian"])
def test_other_families_write_too(family, tokenizer):
    """Their positions are counted: padding must not move them."""
    import threading

    from ftui.artifacts.writing import Writer

    writer = Writer(built(family, len(tokenizer)), tokenizer, Language(max_new_tokens=6), 64, threading.Lock())
    prompts = [[5, 6, 1], [7, 8, 9, 10, 11, 12, 13, 1]]
    assert writer.write(prompts) == [writer.write([prompt])[0] for prompt in prompts]
    writer.model.final_logits_bias[:, 1] = -1e4  # it never ends by itself
    writer.model.generation_config.forced_eos_token_id = None
    asked = writer.stream(prompts[0], Sampling(max_new_tokens=1000))
    assert "".join(asked.pieces) and (asked.finished, asked.tokens) == ("length", SIZES[family]["max_position_embeddings"] - 1)


def test_beams_find_what_is_likelier_and_are_told_as_a_whole(run):
    writer = Predictor(run.model).writer
    prompt = text2text.begin(f"the {GOOD[3]} thing", writer)
    pieces = list(writer.stream(prompt, Sampling(max_new_tokens=8, num_beams=3)).pieces)
    assert pieces == [f"{BAD[3]} {BAD[3]}"]
    streamed = writer.stream(prompt, Sampling(max_new_tokens=8))
    assert "".join(streamed.pieces) == pieces[0] and streamed.finished == "stop" and streamed.asked == len(prompt)


def test_the_server_streams_a_target(run):
    from fastapi.testclient import TestClient

    from ftui.serve.app import create

    client = TestClient(create({"model": run.model}))
    assert client.post("/predict", json={"text": f"the {GOOD[0]} thing"}).json() == {"text": f"{BAD[0]} {BAD[0]}"}
    asked = {"prompt": f"the {GOOD[0]} thing", "temperature": 0, "repetition_penalty": 1, "stream": True, "num_beams": 2}
    with client.stream("POST", "/v1/completions", json=asked) as answer:
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]" and json.loads(events[0])["choices"][0]["text"] == f"{BAD[0]} {BAD[0]}"
    assert client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]}).status_code == 404


def test_the_page_shows_both_models_and_gaps():
    from ftui.ui import composing
    from ftui.ui.task_views import gaps

    shown = composing.cards({"model": "a <b>", "base": ""}, {}, "text2text-generation", "en")
    assert 'id="answer-of-model"' in shown and "Before tuning" in shown and "a &lt;b&gt;" in shown
    assert "Before tuning" not in composing.cards({"model": "a"}, {}, "text2text-generation", "en")
    assert "word" in gaps.answer({"candidates": [{"token": "word", "score": 0.5}]}, {}, "en") and "___" in gaps.answer({"candidates": []}, {}, "en")
