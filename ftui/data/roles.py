"""Which column is the text and which the label: what their names say, in English and Chinese."""

import re

# For each role the names that say so, the clearest first.
TEXT = [
    {"text", "sentence", "review", "comment", "content", "评论", "内容", "文本", "正文", "句子", "评价"},
    {"question", "query", "ask", "utterance", "message", "document", "tweet", "post", "body", "description",
     "instruction", "input", "prompt", "问题", "提问", "描述", "留言", "原文", "语句", "输入", "弹幕", "微博",
     "反馈", "问句"},
    {"title", "headline", "subject", "summary", "abstract", "标题", "题目", "摘要", "主诉", "名称"},
]  # fmt: skip
LABEL = [
    {"label", "class", "category", "target", "标签", "类别", "分类", "标注"},
    {"sentiment", "intent", "emotion", "topic", "polarity", "toxicity", "spam", "department", "genre", "stance",
     "type", "tag", "y", "情感", "情绪", "意图", "主题", "极性", "倾向", "科室", "立场", "类型", "部门"},
    {"domain", "section", "rating", "score", "star", "grade", "level", "status", "result", "领域", "专业",
     "评分", "星级", "打分", "等级", "状态", "结果"},
]  # fmt: skip
NUMBER = [
    {"score", "similarity", "number", "value", "target", "评分", "分数", "得分", "相似度", "分值"},
    {"label", "rating", "star", "grade", "打分", "标签", "数值"},
]
PAIRS = [  # columns with the two texts of a pair, the first one first
    ("premise", "hypothesis"), ("question1", "question2"), ("query", "passage"), ("前提", "假设"), ("text", "text_pair"), ("source_text", "target_text"),
    ("sentence", "sentence_pair"), ("原句", "对比句"),
]  # fmt: skip
_NUMBERED = [("1", "2"), ("_1", "_2"), ("a", "b"), ("_a", "_b"), ("A", "B"), ("一", "二"), ("甲", "乙"), ("１", "２")]
NEITHER = {
    "id", "index", "idx", "uuid", "guid", "url", "link", "date", "time", "timestamp", "created", "updated",
    "user", "author", "unnamed", "image", "编号", "序号", "日期", "时间", "链接", "网址", "用户", "作者", "图片",
}  # fmt: skip

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[a-z]+|[\u3400-\u9fff]+")


def strength(name: str, hints: list[set[str]]) -> float:
    """How clearly a column's name says this role: from 0 (not at all) to 3 (exactly, by the clearest word).

    >>> strength("Labels", LABEL), strength("情感标签", LABEL), strength("reviewText", TEXT), strength("label", TEXT)
    (3.0, 2.0, 2.0, 0.0)
    """
    exact, words = _forms(name.strip().lower()), _words(name)
    for rank, group in enumerate(hints):
        if exact & group:
            return 3.0 - 0.5 * rank
    for rank, group in enumerate(hints):
        if words & group or _contains(name, group):
            return 2.0 - 0.5 * rank
    return 0.0


def pair(columns: list[str]) -> tuple[str, str] | None:
    """The columns that hold two texts beside each other, by their names.

    >>> pair(["id", "sentence1", "sentence2"]), pair(["句子A", "句子B"]), pair(["text", "label"]), pair(["id1", "id2"])
    (('sentence1', 'sentence2'), ('句子A', '句子B'), None, None)
    """
    there = {name.strip().lower(): name for name in columns}
    known = next(((there[a], there[b]) for a, b in PAIRS if a in there and b in there), None)
    if known:
        return known
    for name in columns:
        for first, second in _NUMBERED:
            stem = name.removesuffix(first)
            if name.endswith(first) and stem + second in columns and (strength(stem, TEXT) or stem.lower() in ("s", "sent")):
                return name, stem + second
    return None


def is_neither(name: str) -> bool:
    """Whether a column's name says that it is an id, a date, a link or the like."""
    return bool(_words(name) & NEITHER) or _contains(name, NEITHER)


def is_name(text: str) -> bool:
    """Whether columns are called exactly so."""
    exact = _forms(text.strip().lower())
    return any(exact & group for group in (*TEXT, *LABEL, NEITHER))


def _forms(word: str) -> set[str]:
    """A word, and what it is the plural of."""
    return {word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)}


def _words(name: str) -> set[str]:
    return set().union(*map(_forms, _WORDS.findall(_CAMEL.sub(" ", name).lower())))


def _contains(name: str, group: set[str]) -> bool:
    """Chinese is written without spaces: 评论内容 contains 评论."""
    return any(word in name for word in group if not word.isascii())
