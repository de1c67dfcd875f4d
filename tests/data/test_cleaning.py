"""Steps on whole tables: what they drop, change and leave alone."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core import steps as known
from ftui.core.steps import build_steps
from ftui.data import cleaning, similar

PARAMETERS = {"replace": {"pattern": "好+", "replacement": "好"}, "merge_labels": {"labels": {"Pos": "pos"}}}
ROWS = st.lists(
    st.tuples(st.sampled_from(["很好", "很好！", " 很好", "这个东西真的很不错，推荐", "这个东西真的很不错，推荐啊", "a", "<b>x</b>"]), st.sampled_from(["pos", "Pos", "neg"])),
    max_size=30,
)  # fmt: skip


def table(rows: list[tuple[str, str]]) -> pa.Table:
    columns = {"row": range(100, 100 + len(rows)), "text": [t for t, _ in rows], "label": [x for _, x in rows]}
    return pa.table({k: pa.array(list(v), pa.int64() if k == "row" else pa.string()) for k, v in columns.items()})


def clean(rows: list[tuple[str, str]], name: str, **settings_) -> cleaning.Outcome:
    return cleaning.run(table(rows), build_steps([{"name": name, **PARAMETERS.get(name, {}), **settings_}]))[0]


def left(outcome: cleaning.Outcome) -> list[tuple[str, str]]:
    return list(zip(outcome.table["text"].to_pylist(), outcome.table["label"].to_pylist(), strict=True))


@pytest.mark.parametrize("name", list(known.CLEAN))
@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_every_step_accounts_for_every_row_and_touches_only_what_it_says(name, rows) -> None:
    outcome = clean(rows, name)
    before = {row: (text, label) for row, text, label in zip(*table(rows).to_pydict().values(), strict=True)}
    after = {row: (text, label) for row, text, label in zip(*outcome.table.to_pydict().values(), strict=True)}
    assert set(before) - set(after) == set(outcome.dropped.tolist())
    assert {row for row in after if after[row] != before[row]} == set(outcome.changed.tolist())
    if name != "merge_labels":
        assert all(after[row][1] == before[row][1] for row in after)
    else:
        assert all(after[row][0] == before[row][0] for row in after)
    again = cleaning.apply(outcome.table, outcome.step)
    assert again.table.equals(outcome.table) or name == "contradictions"


def test_duplicates_are_told_by_text_and_label() -> None:
    rows = [("好", "pos"), ("好 ", "pos"), ("好", "neg"), ("好", "pos"), ("坏", "neg")]
    assert left(clean(rows, "drop_duplicates")) == [("好", "pos"), ("好", "neg"), ("坏", "neg")]


@pytest.mark.parametrize(
    ("role", "said", "gone"),
    [
        ("number", [1.0, 5.0, 1.0], [2]),
        ("labels", [["a", "b"], ["a"], ["b", "a"]], [2]),
        ("spans", [[{"start": 0, "end": 2, "label": "X"}], [], [{"start": 0, "end": 2, "label": "X"}]], [2]),
    ],
)
def test_duplicates_have_the_same_answer_whatever_it_is(role, said, gone) -> None:
    rows = pa.table({"row": range(3), "text": ["这个东西真的很不错，推荐"] * 3, role: said})
    assert cleaning.run(rows, build_steps([{"name": "drop_duplicates"}]))[0].dropped.tolist() == gone
    if role != "spans":  # of texts that are nearly alike the places differ
        assert cleaning.run(rows, build_steps([{"name": "drop_near_duplicates"}]))[0].dropped.tolist() == gone


def test_pairs_with_another_worse_answer_are_no_duplicates() -> None:
    talk = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "你好！"}]
    rows = pa.table({"row": range(3), "messages": [talk] * 3, "rejected": ["走开", "哼", "哼"]})
    assert cleaning.run(rows, build_steps([{"name": "drop_duplicates"}]))[0].dropped.tolist() == [2]


def test_near_duplicates_of_another_label_stay() -> None:
    text = "这家酒店的服务非常好，房间干净，早餐丰富，下次还会再来住"
    rows = [(text, "pos"), (text.replace("，", ","), "pos"), (text + "啊", "pos"), (text + "啊", "neg"), ("完全是另一句话，说的是别的事", "pos")]
    assert left(clean(rows, "drop_near_duplicates")) == [rows[0], rows[3], rows[4]]


@pytest.mark.parametrize(("keep", "expected"), [("majority", [("好", "pos"), ("好！", "pos")]), ("none", [])])
def test_contradictions(keep, expected) -> None:
    rows = [("好", "pos"), ("好！", "pos"), ("好", "neg"), ("一般", "pos"), ("一般", "neg"), ("行", "neg")]
    assert left(clean(rows, "contradictions", keep=keep)) == [*expected, ("行", "neg")]


def test_lengths_labels_and_rows_that_become_empty() -> None:
    rows = [("很好的东西", "a"), ("好", "a"), ("<br/>", "b"), ("还可以吧", "b")]
    assert left(clean(rows, "drop_length", min=2, max=4)) == [("还可以吧", "b")]
    assert clean(rows, "strip_html").dropped.tolist() == [102]
    assert left(clean(rows[:3], "drop_rare_labels", min_rows=2)) == rows[:2]
    assert left(clean(rows, "merge_labels", labels={"b": "a"})) == [(t, "a") for t, _ in rows]


def test_planted_near_duplicates_are_found_and_nothing_else() -> None:
    """1,000 random texts, and of each one with a character more: every pair is one group, and no two pairs are."""
    import random

    rng = random.Random(0)
    texts = ["".join(chr(rng.randrange(0x4E00, 0x9000)) for _ in range(40)) for _ in range(1000)]
    group = similar.groups([*texts, *(text[:20] + "好" + text[20:] for text in texts)])
    assert group.tolist() == [*range(1000), *range(1000)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="abc你好", min_size=0, max_size=12), max_size=25))
def test_groups_are_those_of_comparing_all_with_all(keys) -> None:
    def alike(a: str, b: str) -> bool:
        pieces = [{t[i : i + 3] for i in range(len(t) - 2)} for t in (a, b)]
        both = len(pieces[0] & pieces[1])
        return a == b or (both > 0 and both / len(pieces[0] | pieces[1]) >= 0.8)

    expected = list(range(len(keys)))
    for i, a in enumerate(keys):
        for j in range(i):
            if alike(a, keys[j]):
                low, high = sorted((expected[i], expected[j]))
                expected = [low if of == high else of for of in expected]
    assert similar.groups(keys).tolist() == expected


def test_spans_go_with_their_words() -> None:
    from ftui.core.errors import UserError
    from ftui.data import spans

    text = "<p> 張三在 北京 </p><br/>工作"
    marked = [{"start": text.index("張三"), "end": text.index("張三") + 2, "label": "PER"}, {"start": text.index("北京"), "end": text.index("北京") + 2, "label": "LOC"}]
    rows = pa.table({"row": [0], "text": [text], "spans": pa.array([marked], spans.TYPE)})
    made = cleaning.run(rows, build_steps([{"name": n} for n in ("strip_html", "simplify_chinese", "whitespace", "drop_duplicates")]))[-1].table
    (row,) = made.to_pylist()
    assert row["text"] == "张三在 北京 工作"
    assert [row["text"][s["start"] : s["end"]] for s in row["spans"]] == ["张三", "北京"]
    with pytest.raises(UserError, match="where in their text"):
        cleaning.run(pa.table({"row": [0], "context": ["a"], "answers": [[1]]}), build_steps([{"name": "nfkc"}]))
