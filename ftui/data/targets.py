"""Two columns of which one is made from the other: an article and its summary, a sentence and its translation."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ftui.data import roles, values

SOURCES_TARGETS = [  # names of a source, and of the target that goes with it; the clearest first
    ([{"source", "src", "源文", "原文"}], [{"target", "tgt", "译文", "目标"}]),
    ([{"input", "输入"}], [{"output", "输出"}]),
    ([{"abstract", "摘要"}], [{"title", "标题", "题目"}]),
    (
        [{"article", "document", "dialogue", "content", "passage", "body", "text", "message", "正文", "文章", "内容", "全文", "新闻", "原文", "文本", "留言"}],
        [{"summary", "highlight", "tldr", "abstract", "摘要", "总结", "概要"}, {"title", "headline", "标题", "题目"}],
    ),
]
LANGUAGES = [  # names of a column in this language
    {"en", "eng", "english", "英文", "英语"}, {"zh", "cn", "chinese", "中文", "汉语"}, {"ja", "jp", "japanese", "日文", "日语"},
    {"de", "german", "德语"}, {"fr", "french", "法语"}, {"es", "spanish", "西班牙语"}, {"ru", "russian", "俄语"}, {"ko", "korean", "韩语"},
]  # fmt: skip
FREE = 0.2  # share of the texts that are different: below, they are labels


def find(sample: pa.Table, meant: bool = False) -> dict[str, str]:
    """{"source": column, "target": column} as the names say it, a translation in the order of the columns; nothing where
    they say nothing. Where the rows are `meant` so, any two columns of texts, the longer one first."""
    texts = [name for name in sample.column_names if is_free(sample.column(name))]
    languages = {name: kind for name in texts for kind, names in enumerate(LANGUAGES) if name.strip().lower() in names}
    if len(set(languages.values())) == 2 == len(languages):
        return dict(zip(("source", "target"), languages, strict=True))
    for sources, targets in SOURCES_TARGETS:
        source = _called(texts, sources, "")
        target = _called(texts, targets, source)
        if source and target:
            return {"source": source, "target": target}
    if meant and len(texts) >= 2:
        longest = sorted(texts, key=lambda name: -pc.mean(pc.utf8_length(strings(sample.column(name)))).as_py())[:2]
        return dict(zip(("source", "target"), longest, strict=True))
    return {}


def _called(texts: list[str], names: list[set[str]], other: str) -> str:
    strength, _, name = max(((roles.strength(name, names), -i, name) for i, name in enumerate(texts) if name != other), default=(0, 0, ""))
    return name if strength >= 1.5 else ""


def is_free(column: pa.ChunkedArray) -> bool:
    """Whether these are texts in free words, not the same few again and again."""
    kind = column.type
    if not (pa.types.is_string(kind) or (pa.types.is_list(kind) and pa.types.is_string(kind.value_type))) or column.null_count == len(column):
        return False
    found = [text for text in strings(column).to_pylist() if text]
    return bool(found) and len(set(found)) > FREE * len(found) and sum(map(len, found)) > 2 * len(found)


def strings(column: pa.ChunkedArray, first: bool = False) -> pa.Array:
    """Cells as texts: of a list of texts its parts with spaces between, or the first alone."""
    if not pa.types.is_list(column.type):
        return values.strings(column.combine_chunks())
    parts = [[part for part in cell or [] if part] for cell in column.to_pylist()]
    return pa.array([(cell[0] if first else " ".join(cell)) if cell else None for cell in parts], pa.string())
