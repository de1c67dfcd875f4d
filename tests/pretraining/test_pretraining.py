import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
)

from ftui.pretraining import corpus, encoder, sentences

STARTER = Path(__file__).resolve().parents[2] / "assets" / "starter" / "starter-encoder"

COMES_BACK = [
    "我爱北京天安门，2008年！",
    "他说：“今天不去了。”然后（慢慢地）走开……",
    "hello world, it's a well-known story (of 3.14 and 10 20).",
    "he said “yes” at 12:30, then left; why?",
    "我用python写代码，真的很nice。",
    "好吃😀👍🏽，下次还来",
    "臺灣的龍與龘、𠮷野家",
    "café naïve",
]
SPLIT = [
    ("我爱ABC，真的！", ["我", "爱", "ABC", "，", "真", "的", "！"]),
    ("  The  old man, 42 years.", ["The", "old", "man", ",", "4", "2", "years", "."]),
    ("ＡＢＣ１２（全角）　好", ["ＡＢＣ", "１", "２", "（", "全", "角", "）", "好"]),
    ('好😀吗 "no"', ["好", "😀", "吗", '"', "no", '"']),
    ("龍\n龘s", ["龍", "龘", "s"]),
    ("cafe\u0301 time", ["cafe", "time"]),  # the mark's own place is not counted
]


@pytest.fixture(scope="module")
def starter():
    return AutoTokenizer.from_pretrained(STARTER)


@pytest.mark.parametrize("text", COMES_BACK)
def test_text_comes_back(starter, text):
    ids = starter(text)["input_ids"]
    assert starter.unk_token_id not in ids
    assert starter.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize(("text", "words"), SPLIT)
def test_offsets_cut_out_the_words(starter, text, words):
    encoded = starter(text, return_offsets_mapping=True, add_special_tokens=False)
    cut = []
    for token, (start, end) in zip(encoded.tokens(), encoded["offset_mapping"], strict=True):
        assert text[start:end].strip() == text[start:end] != ""
        if cut and (start, end) == cut[-1]:
            continue  # a further byte of the same character
        if token.startswith("##") and not token[2:].isdigit():
            cut[-1] = (cut[-1][0], end)  # the word goes on
        else:
            cut.append((start, end))
    assert [text[start:end] for start, end in cut] == words


def test_nothing_is_unknown(starter):
    numbers = [*range(1, 0x3000), *range(0x3000, 0x20000, 7), *range(0x20000, 0x110000, 997)]
    everything = "".join(chr(number) for number in numbers if not 0xD800 <= number < 0xE000)
    assert starter.unk_token_id not in starter(everything, verbose=False)["input_ids"]


def test_the_tokenizer_is_a_standard_bert_tokenizer(starter):
    assert (starter.pad_token, starter.pad_token_id) == ("[PAD]", 0)
    assert (starter.cls_token, starter.sep_token, starter.mask_token) == ("[CLS]", "[SEP]", "[MASK]")
    assert starter.model_max_length == 512
    pair = starter("你好", "hi there", padding="max_length", max_length=10)
    assert list(pair) == ["input_ids", "token_type_ids", "attention_mask"]
    assert pair.tokens()[:4] == ["[CLS]", "你", "好", "[SEP]"] and pair.tokens()[-1] == "[PAD]"
    assert pair["token_type_ids"][:5] == [0, 0, 0, 0, 1]
    assert starter("今天[MASK]好")["input_ids"].count(starter.mask_token_id) == 1
    assert json.loads((STARTER / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_the_model_loads_as_what_it_is_for(starter):
    config = AutoConfig.from_pretrained(STARTER)
    assert (config.vocab_size, config.pad_token_id, config.hidden_dropout_prob) == (len(starter), 0, 0.1)
    for kind in (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification):
        model = kind.from_pretrained(STARTER)
        assert model.dtype == torch.float32
        assert 5e6 < model.num_parameters() < 12e6
        assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())


@pytest.mark.parametrize("folder", sorted(STARTER.parent.iterdir()), ids=lambda path: path.name)
def test_files_are_small_enough_for_a_repository(folder):
    files = [path for path in folder.iterdir()]
    assert {"config.json", "tokenizer.json", "README.md"} <= {path.name for path in files}
    assert max(path.stat().st_size for path in files) < 10e6


def test_documents_end_at_blank_lines(small_corpus):
    assert len(list(corpus.documents(small_corpus, "train"))) == 600
    found = list(corpus.documents(small_corpus, "validation", languages=("zh",)))
    assert len(found) == 40 and all(len(document.splitlines()) == 6 for document in found)
    with pytest.raises(FileNotFoundError):
        corpus.files(small_corpus / "nothing", "train")


@pytest.fixture(scope="module")
def teacher(small_tokenizer, tmp_path_factory):
    """A sentence encoder with nothing in it, of another width than the student's."""
    folder = tmp_path_factory.mktemp("teacher")
    known = AutoTokenizer.from_pretrained(small_tokenizer)
    known.save_pretrained(folder)
    config = BertConfig(vocab_size=len(known), hidden_size=24, num_hidden_layers=1, num_attention_heads=2)
    BertModel(config).save_pretrained(folder)
    return folder


def test_pretraining_goes_on_after_a_stop_and_learns(small_corpus, small_tokenizer, teacher, tmp_path, one_thread):
    common = ["--data", str(small_corpus), "--tokenizer", str(small_tokenizer)]
    settings = "--max-steps 30 --learning-rate 0.01 --layers 1 --width 64 --heads 2 --batch-tokens 512".split()

    def run(name: str, *more: str) -> dict:
        out, work = tmp_path / name, tmp_path / f"{name}.work"
        if not work.exists():
            sentences.main([*common, "--teacher", str(teacher), "--work", str(work)])
        return encoder.main([*common, *settings, "--out", str(out), "--work", str(work), *more])

    first = run("stopped", "--stop-after", "10")
    assert first["steps"] == 10
    assert AutoModel.from_pretrained(tmp_path / "stopped").num_parameters() > 0  # usable from the first checkpoint on
    second = run("stopped", "--save-every", "0")
    whole = run("whole")
    assert second["steps"] == whole["steps"] == 30
    assert second["first_loss"] == first["first_loss"]
    assert second["held_out_loss"] == pytest.approx(whole["held_out_loss"], rel=0.02)  # the stop has changed nothing
    assert second["held_out_loss"] < first["held_out_loss"] < first["first_loss"]
    for loss in ("summary", "teacher", "words"):  # the few sentences of this corpus are all neighbours
        assert second["training_losses"][loss] < first["training_losses"][loss]
    assert not list(tmp_path.glob("**/*.unfinished"))


def test_pieces_belong_to_the_words_between_spaces():
    text = "  tea is  hot!"
    offsets = [(2, 5), (6, 8), (10, 12), (12, 13), (13, 14)]
    assert sentences.words_of(text, offsets) == [0, 1, 2, 2, 2]
    vectors = torch.tensor([[1.0], [2.0], [3.0], [6.0], [0.0]])
    which = torch.tensor([0, 1, 2, 2, 2])
    assert sentences.averages(vectors, which, 4).tolist() == [[1.0], [2.0], [3.0], [0.0]]


def test_words_are_compared_each_with_its_own(small_corpus, small_tokenizer, teacher, tmp_path):
    """A student that reads as the teacher does has nothing to learn."""
    sentences.main(
        ["--data", str(small_corpus), "--tokenizer", str(small_tokenizer)]
        + ["--teacher", str(teacher), "--work", str(tmp_path), "--most", "50"]
    )
    found = sentences.Sentences.read(tmp_path)
    width = found.teacher_words.shape[1]

    class Echo(torch.nn.Module):
        words = torch.nn.Identity()

    def as_taught(at: int) -> torch.Tensor:
        words = torch.from_numpy(found.teacher_words[found.first_words[at] : found.first_words[at + 1]].astype("float32"))
        return words[found.words_of_english[at].astype(int)]

    some = np.array([3, 17, 4])
    assert encoder.words_loss(Echo(), found, some, [as_taught(at) for at in some]) < 1e-4
    assert encoder.words_loss(Echo(), found, some, [torch.zeros(len(found.english[at]), width) for at in some]) > 0.3


def test_the_teacher_is_asked_about_english_only(small_corpus, small_tokenizer, teacher, tmp_path):
    sentences.main(
        ["--data", str(small_corpus), "--tokenizer", str(small_tokenizer)]
        + ["--teacher", str(teacher), "--work", str(tmp_path), "--most", "50"]
    )
    known, found = AutoTokenizer.from_pretrained(small_tokenizer), sentences.Sentences.read(tmp_path)
    assert len(found.english) == len(found.teacher_of_english) == 50
    assert known.decode(found.chinese[0]) == "你好。" and known.decode(found.english_of_chinese[0]) == "hello."
    whole, words = sentences.Teacher(str(teacher)).read(["hello.", " tea  is hot!"])
    assert torch.allclose(found.teacher_of_chinese[:1].float(), whole[:1], atol=2e-2)
    assert [len(each) for each in words] == [1, 3]  # "hot!" is one word of two or more pieces
    assert len(found.teacher_words) == found.first_words[-1] == sum(int(which[-1]) + 1 for which in found.words_of_english)
    mean_square = torch.from_numpy(found.teacher_words.astype("float32")).square().mean()
    assert mean_square == pytest.approx(1, rel=0.5)  # of a sample's directions
    assert torch.allclose(found.teacher_of_english.float().norm(dim=1), torch.ones(50), atol=1e-2)
    assert len(found.pairs) > 50
