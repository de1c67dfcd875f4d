"""What is pruned is really smaller, loads as any model of its family, and loses what mattered least."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as kinds
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from ftui.artifacts import before_after
from ftui.core.errors import UserError
from ftui.core.recipe import Prune
from ftui.tasks import text_classification as task
from ftui.training import pruning, vocabulary
from tests.training.test_strategies import SIZES, build

TEXTS = [
    "the parcel came late",
    "很好 喜欢 这个 东西",
    "物流很快，包装也好。",
    "great thing, really happy 2024!",
    "今天收到 and so on",
] * 3
FOREIGN = ["доставка была быстрой", "η συσκευασία ήταν καλή", "привет мир"] * 3


@pytest.fixture
def pruned_here(train_here, trained, tmp_path):
    """Prunes the shared run: (what was trained, its before_after.json)."""

    def start(run=None, stop_at=None, training=None, distil=False, **prune):
        runs = tmp_path / "home" / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        source = trained["run"]
        if not (runs / source.id).exists():
            (runs / source.id).symlink_to(source.path)
        sections = {"model": f"run:{source.id}", "prune": prune} | (
            {"distil": {"teacher": source.id}} if distil else {}
        )
        done = train_here(
            sections=sections,
            run=run,
            stop_at=stop_at,
            **{"max_steps": 6, "lr_scheduler_type": "constant", **(training or {})},
        )
        return done, before_after.found(done.run)

    return start


def batch(ids=((7, 8, 9, 10), (11, 12, 13, 14))):
    ids = torch.tensor(ids)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.tensor([0, 1])}


@pytest.mark.parametrize("family", SIZES)
def test_every_family_shrinks_to_a_standard_model_or_is_refused(family, tmp_path):
    torch.manual_seed(0)
    model = build(family).eval()
    count = len(pruning.layers(model))
    found = pruning.importance(model, iter([batch()]), task.loss)
    assert len(found["layers"]) == len(found["neurons"]) == count
    assert all(bool((scores > 0).any()) for scores in found["neurons"])
    before = sum(p.numel() for p in model.parameters())
    pruning.structure(model, Prune(layers=count - 1, feed_forward=0.5), found)
    assert sum(p.numel() for p in model.parameters()) < before
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    inputs = {k: v for k, v in batch().items() if k != "labels"}
    with torch.no_grad():
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits, atol=1e-5, rtol=0)
    assert len(pruning.layers(again)) == count - 1
    fewer_heads = Prune(heads=0.5)
    if pruning.head_groups(again):
        heads = again.config.num_attention_heads
        pruning.structure(again, fewer_heads, pruning.importance(again, iter([batch()]), task.loss))
        assert again.config.num_attention_heads < heads
        again.save_pretrained(tmp_path / "heads")
        third = AutoModelForSequenceClassification.from_pretrained(tmp_path / "heads").eval()
        with torch.no_grad():
            torch.testing.assert_close(third(**inputs).logits, again(**inputs).logits, atol=1e-5, rtol=0)
    else:
        with pytest.raises(UserError) as caught:
            pruning.structure(again, fewer_heads, {"heads": []})
        assert caught.value.code == "prune_heads_shape"


def test_neurons_that_do_nothing_go_first():
    model = build("bert").eval()
    dead = [0, 3, 5, 9, 10, 12, 13, 15]  # half of them
    inputs = {k: v for k, v in batch().items() if k != "labels"}
    with torch.no_grad():
        for layer in model.bert.encoder.layer:
            layer.output.dense.weight[:, dead] = 0
        before = model(**inputs).logits
    found = pruning.importance(model, iter([batch()]), task.loss)
    pruning.structure(model, Prune(feed_forward=0.5), found)
    assert model.config.intermediate_size == model.bert.encoder.layer[0].output.dense.in_features == 8
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).logits, before, atol=1e-6, rtol=0)


def test_a_layer_that_does_nothing_goes_first():
    model = build("llama").eval()
    quiet = 1
    with torch.no_grad():
        model.model.layers[quiet].self_attn.o_proj.weight.zero_()
        model.model.layers[quiet].mlp.down_proj.weight.zero_()
    inputs = {k: v for k, v in batch().items() if k != "labels"}
    found = pruning.importance(model, iter([batch()]), task.loss)
    with torch.no_grad():
        before = model(**inputs).logits
        pruning.structure(model, Prune(layers=len(model.model.layers) - 1), found)
        torch.testing.assert_close(model(**inputs).logits, before, atol=1e-5, rtol=0)


def test_a_pruned_run_is_smaller_and_recovers(pruned_here, trained):
    bare, told = pruned_here(layers=1, feed_forward=0.5, recover=False)
    assert bare.finished and not bare.curve("loss")
    assert told["rows"] == json.loads(trained["run"].report.read_text(encoding="utf-8"))["splits"]["test"]["rows"]
    assert told["after"]["parameters"] < told["before"]["parameters"]
    assert told["after"]["bytes"] < told["before"]["bytes"]
    recovered, better = pruned_here(layers=1, feed_forward=0.5, distil=True, training={"max_steps": 30})
    assert better["after"]["parameters"] == told["after"]["parameters"]
    assert better["agreement"] >= max(told["agreement"], 0.9)
    config = json.loads((recovered.run.model / "config.json").read_text())
    assert (config["num_hidden_layers"], config["intermediate_size"]) == (1, 32)
    assert AutoModelForSequenceClassification.from_pretrained(recovered.run.model).config.num_hidden_layers == 1


def test_a_stopped_recovery_goes_on_with_the_same_smaller_model(pruned_here, train_here):
    stopped, _ = pruned_here(stop_at=3, feed_forward=0.5)
    assert not stopped.finished
    resumed = train_here(run=stopped.run)
    assert resumed.finished
    assert len(stopped.logged("pruned")) == 1
    assert resumed.logged("pruned") == []
    assert resumed.logged("resuming")
    assert resumed.weights()["bert.encoder.layer.0.output.dense.weight"].shape == (32, 32)


@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_zeros_stay_zero_and_pack_smaller(train_here, trained, tmp_path, strategy):
    (tmp_path / "home" / "runs").mkdir(parents=True)
    source = trained["run"]
    (tmp_path / "home" / "runs" / source.id).symlink_to(source.path)
    sections = {"model": f"run:{source.id}", "prune": {"magnitude": 0.5}}
    done = train_here({"name": strategy}, sections=sections, max_steps=4)
    weights = done.weights()
    inner = [w for name, w in weights.items() if ".layer." in name and w.ndim == 2]
    zeros = sum(int((w == 0).sum()) for w in inner) / sum(w.numel() for w in inner)
    assert zeros == pytest.approx(0.5, abs=0.01)
    told = before_after.found(done.run)
    assert told["after"]["bytes"] == pytest.approx(told["before"]["bytes"], rel=0.02)
    assert told["after"]["compressed"] < 0.85 * told["before"]["compressed"]


def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A small multilingual tokenizer of each kind, trained on the texts above."""
    special = (
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        if kind == "unigram"
        else ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    )
    begin, end = (special[0], special[2]) if kind == "unigram" else (special[2], special[3])
    if kind == "unigram":
        made = Tokenizer(kinds.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>")
    elif kind == "wordpiece":
        made = Tokenizer(kinds.WordPiece(unk_token="[UNK]"))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    elif kind == "marked-bpe":  # the starter models' kind: pieces within a word bear a sign, which their merges lose
        made = Tokenizer(kinds.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, continuing_subword_prefix="##", show_progress=False)
    else:
        made = Tokenizer(kinds.BPE(unk_token="[UNK]" if kind == "bpe" else None))
        made.pre_tokenizer = pre_tokenizers.ByteLevel() if kind == "bytes" else pre_tokenizers.Metaspace()
        alphabet = pre_tokenizers.ByteLevel.alphabet() if kind == "bytes" else []
        trainer = trainers.BpeTrainer(
            vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    made.train_from_iterator(TEXTS + FOREIGN, trainer)
    ids = [(token, made.token_to_id(token)) for token in (begin, end)]
    made.post_processor = processors.TemplateProcessing(single=f"{begin} $A {end}", special_tokens=ids)
    names = dict(zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), special, strict=True)) if kind == "unigram" else {
        "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def table(texts):
    import pyarrow as pa

    return pa.table(
        {
            "row": list(range(len(texts))),
            "text": texts,
            "label": ["a", "b"] * (len(texts) // 2) + ["a"] * (len(texts) % 2),
        }
    )


@pytest.mark.parametrize("kind", ["unigram", "wordpiece", "bpe", "marked-bpe", "bytes"])
@pytest.mark.parametrize("way", ["scripts", "used"])
def test_the_vocabulary_shrinks_and_no_prediction_changes(kind, way, tmp_path):
    old = tokenizer(kind)
    torch.manual_seed(0)
    model = build("bert")
    model.resize_token_embeddings(len(old), mean_resizing=False)
    model.config.pad_token_id = model.get_input_embeddings().padding_idx = old.pad_token_id
    model.eval()
    asked = TEXTS + (["happy parcel 今天很好"] if way == "scripts" else [])  # new words in the same writing systems
    with torch.no_grad():
        inputs = [old(text, return_tensors="pt", return_token_type_ids=False) for text in asked]
        before = [model(**one).logits for one in inputs]
    model.save_pretrained(tmp_path)
    old.save_pretrained(tmp_path)
    kept, whole = vocabulary.reduce(tmp_path, model, table(TEXTS), way)
    assert (kept, whole) == (model.config.vocab_size, len(old))
    assert kept < whole
    new = AutoTokenizer.from_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert again.get_input_embeddings().weight.shape[0] == len(new) == kept
    for name in ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"):
        assert getattr(new, name) == getattr(old, name)
    assert again.config.pad_token_id == new.pad_token_id
    with torch.no_grad():
        for text, one, logits in zip(asked, inputs, before, strict=True):
            said = new(text, return_tensors="pt", return_token_type_ids=False)
            assert new.convert_ids_to_tokens(said["input_ids"][0]) == old.convert_ids_to_tokens(one["input_ids"][0])
            torch.testing.assert_close(again(**said).logits, logits, atol=1e-6, rtol=0)


def test_an_untrained_model_is_pruned_only_where_nothing_is_measured(toy_model, train_here, tmp_path):
    done = train_here(sections={"prune": {"layers": 1, "layers_by": "first", "vocabulary": "used"}}, max_steps=2)
    assert done.finished
    with pytest.raises(UserError) as caught:
        train_here(sections={"prune": {"feed_forward": 0.5}}, max_steps=2)
    assert caught.value.code == "prune_untrained"


def test_families_without_a_list_of_layers_are_refused():
    from transformers import AlbertConfig

    config = AlbertConfig(
        vocab_size=50,
        embedding_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
    )
    with pytest.raises(UserError) as caught:
        pruning.structure(AutoModelForSequenceClassification.from_config(config), Prune(layers=1), {})
    assert caught.value.code == "prune_family"
