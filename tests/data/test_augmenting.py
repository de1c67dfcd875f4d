"""New training rows: what is changed, what stays, and that nothing of them comes near validation and test."""

import doctest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.augmentation import AUGMENT
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.recipe import Data
from ftui.data import augmenting, preparing, similar, spans, wording
from ftui.data.rewriting import edited, moved_by

QUICK = ("random_delete", "random_swap", "character_noise")
TEXTS = st.text(alphabet="很好差的，。 ab'c!XYZ酒店9\n", max_size=40)


def step(name: str, **settings: object):
    return AUGMENT[name](name=name, **settings)


def rows(texts: list[str], labels: list[str] | None = None) -> pa.Table:
    return pa.table({"row": pa.array(range(len(texts)), pa.int64()), "text": texts, "label": labels or ["a"] * len(texts)})


def new(train: pa.Table, *others: pa.Table, seed: int = 1, **of) -> list[dict]:
    return augmenting.new_rows(train, step(**of), others, seed, None).to_pylist()


def test_examples() -> None:
    assert doctest.testmod(wording).failed == 0


@settings(deadline=None)
@given(text=TEXTS, rate=st.floats(0.01, 0.5), seed=st.integers(0, 99), data=st.data())
def test_edits_are_in_order_and_leave_what_is_blocked(text, rate, seed, data) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4, unique=True)))
    blocked = list(zip(cuts[::2], cuts[1::2], strict=False))
    for maker in (wording.delete(rate), wording.swap(rate), wording.noise(rate)):
        edits = maker(text, blocked, np.random.default_rng(seed))
        assert edits == maker(text, blocked, np.random.default_rng(seed))
        assert all(first[1] <= second[0] for first, second in zip(edits, edits[1:], strict=False))
        after = edited(text, edits)
        for place in blocked:
            moved = moved_by(place, edits)
            assert moved and after[slice(*moved)] == text[slice(*place)]


def test_what_each_does() -> None:
    rng = np.random.default_rng(0)
    english, chinese = "the room was really very clean and quiet", "房间很干净，服务也不错，下次还来"
    for rate in (0.1, 0.3):
        fewer = edited(english, wording.delete(rate)(english, [], rng)).split()
        assert len(fewer) == 8 - max(1, round(rate * 8)) and set(fewer) < set(english.split())
        swapped = edited(english, wording.swap(rate)(english, [], rng))
        assert sorted(swapped.split()) == sorted(english.split()) and swapped != english
    clauses = edited(chinese, wording.swap(0.3)(chinese, [], rng))
    assert set(clauses.split("，")) == set(chinese.split("，")) and clauses != chinese
    heard = edited(chinese, wording.noise(0.3)(chinese, [], rng))
    from pypinyin import lazy_pinyin

    assert heard != chinese and lazy_pinyin(heard, errors="ignore") != [] and len(heard) == len(chinese)
    differing = [(a, b) for a, b in zip(chinese, heard, strict=True) if a != b]
    assert all(lazy_pinyin(a) == lazy_pinyin(b) for a, b in differing)
    typed = edited(english, wording.noise(0.1)(english, [], rng))
    assert sum(a != b for a, b in zip(typed.split(), english.split(), strict=True)) == 1


@pytest.mark.parametrize(("content", "text", "some_of"), [
    ("好, 棒, 不错\n", "很好吃", {"很棒吃", "很不错吃"}),
    ("好吃 = 美味\n好 = 棒\n", "很好吃", {"很美味"}),
    ("Aa01A01= 宾馆 旅店\nAa01A02# 猫 狗\n", "宾馆里的猫", {"旅店里的猫"}),
    ("Good\tfine\n", "Good goods", {"Fine goods"}),
    ("ice cream = gelato\n", "My ice cream!", {"My gelato!"}),
], ids=["group", "longest", "cilin", "words", "several"])  # fmt: skip
def test_a_file_of_synonyms(tmp_path: Path, content, text, some_of) -> None:
    path = tmp_path / "synonyms.txt"
    path.write_text(content, encoding="gb18030" if "不错" in content else "utf-8")
    maker = wording.synonyms(0.5, path)
    assert {edited(text, maker(text, [], np.random.default_rng(seed))) for seed in range(12)} == some_of
    assert maker("没有这样的词 none", [], np.random.default_rng(0)) == []


def test_files_without_synonyms_are_told(tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    for content, code in ((b"alone\n# a, b\n", "synonyms_empty"), (None, "synonyms_unreadable")):
        path.unlink(missing_ok=True)
        if content:
            path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            wording.read_synonyms(path)
        assert caught.value.code == code and "none.txt" in caught.value.message("zh")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_wordnet_where_it_is_installed_and_a_sentence_where_not(tmp_path: Path, monkeypatch) -> None:
    import gc

    import nltk

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(UserError, match="WordNet is not on this machine"):
        wording.synonyms(0.5, None)
    folder = tmp_path / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for name in ("adj", "adv", "verb", "noun"):
        (folder / f"data.{name}").write_text("00000000 05 n 02 hotel 0 guest_house 0 000 | a place to sleep\n" if name == "noun" else "")
        index = "".join(f"{word} n 1 0 1 0 00000000\n" for word in ("guest_house", "hotel"))
        (folder / f"index.{name}").write_text(index if name == "noun" else "")
        (folder / f"{name}.exc").write_text("")
    (folder / "lexnames").write_text("".join(f"{i:02d}\tnoun.x{i}\t1\n" for i in range(45)))
    for name in ("cntlist.rev", "index.sense"):
        (folder / name).write_text("")
    with pytest.warns(UserWarning, match="multilingual"):
        monkeypatch.setattr(nltk.corpus, "wordnet", nltk.corpus.reader.WordNetCorpusReader(str(folder), None))
    maker = wording.synonyms(0.5, None)
    assert edited("A Hotel here", maker("A Hotel here", [], np.random.default_rng(0))) == "A Guest house here"
    for file in nltk.corpus.wordnet._data_file_map.values():
        file.close()
    gc.collect()  # a file of nltk's own that it forgets to close


@pytest.mark.parametrize("name", QUICK)
def test_as_many_rows_as_wanted_of_the_training_rows_alone(name) -> None:
    train = rows([f"第{i * 37 % 101}位客人说房间{'很' * (i % 3)}干净，早餐{i}种，还会再来" for i in range(30)], [f"l{i % 3}" for i in range(30)])
    made = new(train, name=name, share=1.0, rate=0.2)
    assert len(made) == 30
    assert made == new(train, name=name, share=1.0, rate=0.2) != new(train, name=name, share=1.0, rate=0.2, seed=2)
    of = {row["row"]: row for row in train.to_pylist()}
    assert all(row["label"] == of[row["row"]]["label"] and row["text"] != of[row["row"]]["text"] for row in made)
    keys = [similar.key(text) for text in [*train["text"].to_pylist(), *(row["text"] for row in made)]]
    assert len(set(keys)) == len(keys)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), name=st.sampled_from(QUICK))
def test_nothing_made_is_nearly_a_row_that_scores(seed, name) -> None:
    rng = np.random.default_rng(seed)
    base = ["".join(rng.choice(list("房间干净早餐丰富服务态度非常好前台热情位置方便离地铁近"), 14)) for _ in range(12)]
    train, test = rows(base), rows([text[:-4] + "不一样了" for text in base])  # near, yet not near enough to be kept together
    made = new(train, test, name=name, share=3.0, rate=0.3, seed=seed)
    assert not preparing.leaked([similar.key(row["text"]) for row in made], [similar.key(text) for text in test["text"].to_pylist()]).any()


def test_what_cannot_be_changed_gives_no_rows() -> None:
    assert new(rows(["!", "好"]), name="random_swap") == []
    assert new(rows(["？"] * 3), name="character_noise", share=10) == []


@pytest.mark.parametrize("name", [*QUICK, "synonyms"])
def test_entities_stay_and_their_places_move(tmp_path: Path, name) -> None:
    (tmp_path / "s.txt").write_text("lives, dwells\nquiet, calm\n小明, 小红\n住在, 居住于\n", encoding="utf-8")
    texts = ["Anna lives in a quiet street of Bonn today", "小明和家人住在北京市的西边"]
    places = [[(0, 4, "PER"), (32, 36, "LOC")], [(0, 2, "PER"), (7, 10, "LOC")]]
    marked = [[{"start": a, "end": b, "label": label} for a, b, label in row] for row in places]
    train = pa.table({"row": pa.array([0, 1], pa.int64()), "text": texts, "spans": pa.array(marked, spans.TYPE)})
    made = new(train, name=name, rate=0.4, share=5.0, **({"path": str(tmp_path / "s.txt")} if name == "synonyms" else {}))
    assert {row["row"] for row in made} == {0, 1}
    for row in made:
        words = [(row["text"][s["start"] : s["end"]], s["label"]) for s in row["spans"]]
        assert words == [[("Anna", "PER"), ("Bonn", "LOC")], [("小明", "PER"), ("北京市", "LOC")]][row["row"]]


@pytest.mark.parametrize(("name", "columns", "code"), [
    ("back_translation", ["row", "text", "spans"], "augment_spans"),
    ("random_delete", ["row", "question", "context", "answers"], "augment_answers"),
    ("random_delete", ["row", "source", "target"], "augment_task"),
    ("random_swap", ["row", "text", "spans"], None),
    ("back_translation", ["row", "text", "label"], None),
])  # fmt: skip
def test_what_a_task_allows(name, columns, code) -> None:
    settings = {"there": "a/b", "back": "b/a"} if name == "back_translation" else {}
    try:
        augmenting.check([step(name, **settings)], columns)
        found = None
    except UserError as error:
        found = error.code
        assert name in error.message("zh")
    assert found == code


def test_a_file_of_synonyms_is_kept_with_the_home(tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "mine.txt"
    path.write_text("a, b\n")
    data = Data(path="x", augment=[{"name": "synonyms", "path": str(path)}, {"name": "random_swap"}])
    kept = augmenting.with_files_kept(data, home, home.runs / "r").augment
    path.unlink()
    assert (home.runs / "r" / kept[0].path).resolve().read_text() == "a, b\n"
    assert kept[1] == data.augment[1]
    assert augmenting.keep_file((home.runs / "r" / kept[0].path).resolve(), home) == next(home.synonyms.glob("*.txt"))
