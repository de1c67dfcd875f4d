"""The report finds what is known to be wrong with real files, and every kind of what can be wrong in a made-up one."""

import doctest
import random
from pathlib import Path

import pytest

from ftui.core import languages
from ftui.core.home import starter_models
from ftui.core.steps import build_steps
from ftui.data import intake, report

TOKENIZER = starter_models() / "starter-encoder" / "tokenizer.json"


def findings(dataset: intake.Dataset, steps=(), tokenizer: Path = TOKENIZER, **options) -> dict[str, report.Finding]:
    names = [column["name"] for column in dataset.card()["columns"]]
    columns = {"text": next(n for n in names if n in ("text", "ask")), "label": next(n for n in names if n in ("label", "department"))}
    made = report.make(report.look(dataset, columns, build_steps(list(steps)), tokenizer=tokenizer, **options))
    return {finding.kind: finding for finding in made.findings}


def test_the_medical_file(home, data_folder: Path) -> None:
    found = findings(intake.import_file(data_folder / "zh_messy_medical_gbk" / "medical_qa_gbk.csv", home))
    assert found["duplicates_some"].params["copies"] == 378
    assert found["line_breaks"].count == 7
    assert found["imbalance"].params["most"] == "肝病科" and found["imbalance"].params["few"] == 18


def test_the_raw_reviews_and_their_cure(home, data_folder: Path) -> None:
    dataset = intake.import_file(data_folder / "zh_messy_reviews" / "reviews_raw.csv", home)
    found = findings(dataset)
    assert (found["duplicates"].count, len(found["duplicates"].rows)) == (2661, 2661)
    assert found["contradictions"].count == 47
    assert found["mixed_punctuation"].count > 500
    cures = [finding.cure for finding in found.values() if finding.cure]
    after = findings(dataset, cures)
    assert not {finding.kind for finding in found.values() if finding.cure} & set(after)


KINDS = {
    "empty_cells": [("", "pos")],
    "label_twins": [("一条评论", "Pos"), ("另一条", "POS")],
    "rare_labels": [("只此一条", "rare")],
    "few_rows": [(f"少见的第{i}条", "few") for i in range(5)],
    "duplicates": [("重复的评论", "pos")] * 3,
    "near_duplicates": [("这家酒店的服务非常好，房间也干净" + end, "pos") for end in ("", "！", "啊")],
    "contradictions": [("一样的话", "pos"), ("一样的话！", "neg")],
    "mojibake": [("寰堝ソ", "pos"), ("Itâ€™s good", "pos")],
    "lost_characters": [("锟斤拷锟斤拷", "pos"), ("什么�东西", "pos")],
    "markup": [("很好<br/>", "pos"), ("a &amp; b", "pos")],
    "urls": [("看 https://example.org/a", "pos")],
    "emails": [("me@example.org", "pos")],
    "phones": [("电话 13812345678", "pos")],
    "white_space": [(" 好的 呀", "pos")],
    "full_width": [("ＡＢＣ 不错", "pos")],
    "mixed_punctuation": [("不错,很好", "pos"), ("不错，真好", "pos")],
    "languages_han": [("an entirely English sentence", "pos"), ("Это хорошо", "pos")],
    "traditional": [("這個東西還不錯", "pos")],
    "truncated": [("很长的文字" * 300, "pos")],
    "unknown_tokens": [("𐎀𐎁𐎂𐎃𐎄", "pos")],
    "too_short": [("a", "pos")],
    "line_breaks": [("两行\n文字", "pos")],
    "imbalance": [("稀有的一条", "seldom"), ("稀有的两条", "seldom")],
}  # fmt: skip
HANZI = "房间干净早餐丰富服务态度非常好前台热情位置方便离地铁近下次还会再来住价格便宜隔音很差空调太响网速慢床小枕头硬"
_RNG = random.Random(0)
CLEAN = [("".join(_RNG.sample(HANZI, 12)), "pos" if i % 2 else "neg") for i in range(60)]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One token a character; it knows those that occur above, and no more."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    letters = sorted({c for text, _ in [*CLEAN, *(row for kind, rows in KINDS.items() if kind != "unknown_tokens" for row in rows)] for c in text})
    made = Tokenizer(models.WordLevel({token: i for i, token in enumerate(["[UNK]", *letters])}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


def made_up(load, rows: list[tuple[str, str]]) -> intake.Dataset:
    return load("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows))


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_is_found_with_its_rows_and_cured(load, kind, tokenizer) -> None:
    clean = findings(made_up(load, CLEAN), tokenizer=tokenizer)
    assert kind not in clean
    dataset = made_up(load, [*CLEAN, *KINDS[kind]])
    found = findings(dataset, tokenizer=tokenizer)[kind]
    assert found.count and len(found.rows)
    assert set(found.rows.tolist()) <= set(range(len(CLEAN), len(CLEAN) + len(KINDS[kind])))
    for lang in languages.LANGUAGES:
        assert found.sentence(lang)
    if found.cure:
        assert kind not in findings(dataset, [found.cure])


def test_rows_that_are_in_two_files_are_told(load) -> None:
    other = made_up(load, [(CLEAN[0][0] + "！", "neg"), ("谁也没说过的话", "pos")])
    found = findings(made_up(load, CLEAN), own={"test": other})["leak_test"]
    assert found.rows.tolist() == [0]


@pytest.mark.parametrize("labels", [("-1", "1"), ("C", "C++"), ("C++", "C#"), (">50K", "<=50K"), ("A+", "A-"), ("1.0", "10"), ("0.5", "5")])
def test_labels_that_a_sign_tells_apart_are_no_twins(load, labels) -> None:
    rows = [(text, labels[i % 2]) for i, (text, _) in enumerate(CLEAN)]
    assert "label_twins" not in findings(made_up(load, rows))


@pytest.mark.parametrize("labels", [("not_spam", "Not-Spam"), ("正面", " 正面。"), ("1", "01"), ("1", "1.0"), ("ｐｏｓ", "pos")])
def test_labels_that_are_spelled_otherwise_are_twins(load, labels) -> None:
    rows = [(text, labels[i % 2]) for i, (text, _) in enumerate(CLEAN)]
    assert findings(made_up(load, rows))["label_twins"].count == 1


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(report).failed == 0


def test_nothing_to_tell_apart(load) -> None:
    assert "one_label" in findings(made_up(load, [(text, "pos") for text, _ in CLEAN]))
    assert "labels_like_text" in findings(made_up(load, [(text, text) for text, _ in CLEAN]))


def test_every_sentence_has_a_finder() -> None:
    told = {*KINDS, "duplicates_some", "one_label", "labels_like_text", "leak_validation", "leak_test", "languages"}
    assert told == set(languages.catalogue("findings"))


def test_every_step_and_setting_has_its_words() -> None:
    from ftui.core.augmentation import AUGMENT
    from ftui.core.steps import CLEAN as STEPS

    of_augmentation = {f"augment.{field}" for part in AUGMENT.values() for field in part.model_fields if field != "name"}
    settings = {f"{name}.{field}" for name, part in STEPS.items() for field in part.model_fields if field != "name"}
    assert set(languages.catalogue("steps")) == {*STEPS, *settings, *AUGMENT, *of_augmentation}
