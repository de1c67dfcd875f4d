"""Label Studio's JSON: tasks with their annotations, https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks

Choices become a column with a label (or several), labels of a text a column of spans, each called as the control is
(`from_name`); ratings, numbers and texts are taken over as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ftui.data import values

ANNOTATIONS = ("annotations", "completions")  # the latter until version 1.0
_PLAIN = {"rating": "rating", "number": "number", "textarea": "text"}  # type of a result -> where its value stands
LABELS, SPANS = "label", "entities"  # controls that ftui writes


def is_tasks(rows: Sequence[dict]) -> bool:
    """Whether these are Label Studio's tasks."""
    return bool(rows) and all(isinstance(row.get("data"), dict) and any(isinstance(row.get(name), list) for name in ANNOTATIONS) for row in rows[:50])


def rows(tasks: Iterable[dict]) -> Iterator[dict]:
    """A flat row for each task: its data, and what was said in its best annotation, if there is one."""
    for task in tasks:
        data = task["data"] if isinstance(task.get("data"), dict) else {}
        found: dict[str, object] = {}
        for result in _chosen(task).get("result") or []:
            if isinstance(result, dict) and isinstance(result.get("value"), dict):
                _take(found, result, data)
        names = values.unique_names([*data, *found])[len(data) :]
        yield {**data, **{name: _plain(value) for name, value in zip(names, found.values(), strict=True)}}


def _chosen(task: dict) -> dict:
    """The annotation that counts: the ground truth, else the newest that was not cancelled."""
    listed = next((task[name] for name in ANNOTATIONS if isinstance(task.get(name), list)), [])
    valid = [one for one in listed if isinstance(one, dict) and not one.get("was_cancelled")]
    return max(valid, key=lambda one: (bool(one.get("ground_truth")), str(one.get("updated_at") or one.get("created_at") or "")), default={})


def _take(found: dict, result: dict, data: dict) -> None:
    kind, value = str(result.get("type", "")), result["value"]
    name = str(result.get("from_name") or kind)
    if kind == "choices" and isinstance(value.get("choices"), list):
        found.setdefault(name, []).extend(str(choice) for choice in value["choices"])
    elif kind in ("labels", "hypertextlabels") and isinstance(value.get("labels"), list) and "start" in value:
        text = data.get(str(result.get("to_name")), next((t for t in data.values() if isinstance(t, str)), ""))
        start, end = _places(value, str(text))
        spans = found.setdefault(name, [])
        spans += [{"start": start, "end": end, "label": str(label)} for label in value["labels"][:1]]
    elif kind in _PLAIN and _PLAIN[kind] in value:
        content = value[_PLAIN[kind]]
        found[name] = content[0] if isinstance(content, list) and content else content


def _places(value: dict, text: str) -> tuple[object, object]:
    """Start and end in characters. Some versions count as browsers do, where an emoji is two."""
    start, end, said = value["start"], value.get("end"), value.get("text")
    if isinstance(start, int) and isinstance(end, int) and said and text[start:end] != said:
        wide = text.encode("utf-16-le")
        if wide[2 * start : 2 * end].decode("utf-16-le", "replace") == said:
            return len(wide[: 2 * start].decode("utf-16-le")), len(wide[: 2 * end].decode("utf-16-le"))
    return start, end


def _plain(value: object) -> object:
    """One choice as a label, several as a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value


def write(path: Path, tasks: Iterable[tuple[int, dict[str, str], str | list[str] | list[dict] | None]], marks: bool) -> None:
    """A file that Label Studio imports: (id, data, label, labels or (`marks`) spans, None where there are none) of each task."""

    def results(said: str | list, text: str, to: str) -> list[dict]:
        return _spans(said, text, to) if marks else [_result(LABELS, to, "choices", {"choices": [said] if isinstance(said, str) else said})]

    with path.open("w", encoding="utf-8") as file:
        for count, (number, data, said) in enumerate(tasks):
            to = next(iter(data))
            annotations = [] if said is None else [{"result": results(said, data[to], to), "was_cancelled": False, "ground_truth": False}]
            task = {"id": number, "data": data, "annotations": annotations, "predictions": []}
            file.write((",\n" if count else "[\n") + json.dumps(task, ensure_ascii=False))
        file.write("\n]\n")


def _spans(said: object, text: str, to: str) -> list[dict]:
    assert isinstance(said, list)
    return [
        _result(SPANS, to, "labels", {"start": s["start"], "end": s["end"], "text": text[s["start"] : s["end"]], "labels": [s["label"]]}, f"s{i}")
        for i, s in enumerate(said)
    ]


def _result(name: str, to: str, kind: str, value: dict, id: str = "c0") -> dict:
    return {"id": id, "from_name": name, "to_name": to, "type": kind, "value": value}
