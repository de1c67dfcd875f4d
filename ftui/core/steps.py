"""The steps of `data.clean`: what each is called, and its settings. What they do is in ftui.data.cleaning."""

from typing import Annotated, Literal

import regex
from pydantic import Field, FiniteFloat, TypeAdapter, model_validator

from ftui.core.part import Part

MASKS = {"mask_urls": "[URL]", "mask_emails": "[EMAIL]", "mask_phones": "[PHONE]"}


class Plain(Part):
    """A step without settings."""

    name: Literal[
        "strip_html", "fix_mojibake", "whitespace", "punctuation", "lowercase", "simplify_chinese",
        "drop_duplicates",
    ]  # fmt: skip


class Mask(Part):
    name: Literal["mask_urls", "mask_emails", "mask_phones"]
    replacement: str | None = Field(None, max_length=100)  # null: [URL], [EMAIL], [PHONE]

    @property
    def text(self) -> str:
        return MASKS[self.name] if self.replacement is None else self.replacement


class Nfkc(Part):
    name: Literal["nfkc"] = "nfkc"
    only_letters: bool = False  # and digits: Chinese punctuation stays as wide as it is


class Replace(Part):
    name: Literal["replace"] = "replace"
    pattern: str = Field(min_length=1, max_length=1000)
    replacement: str = Field("", max_length=1000)
    ignore_case: bool = False

    @model_validator(mode="after")
    def _compiles(self) -> "Replace":
        try:
            regex.compile(self.pattern)
            regex.sub(f"(?:{self.pattern})|", self.replacement, "", timeout=1)  # matches, so that the references are read
        except (regex.error, TimeoutError, IndexError) as error:
            raise ValueError("pattern_malformed") from error
        return self


class DropLength(Part):
    name: Literal["drop_length"] = "drop_length"
    min: int = Field(2, ge=0)  # characters
    max: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> "DropLength":
        if self.max is not None and self.max < self.min:
            raise ValueError("max_below_min")
        return self


class DropNearDuplicates(Part):
    name: Literal["drop_near_duplicates"] = "drop_near_duplicates"
    threshold: FiniteFloat = Field(0.8, ge=0.7, le=1.0)  # share of three-character pieces that two texts have in common


class Contradictions(Part):
    name: Literal["contradictions"] = "contradictions"
    keep: Literal["majority", "none"] = "majority"


class MergeLabels(Part):
    name: Literal["merge_labels"] = "merge_labels"
    labels: dict[str, str] = Field(min_length=1)  # label -> the one that it becomes


class DropRareLabels(Part):
    name: Literal["drop_rare_labels"] = "drop_rare_labels"
    min_rows: int = Field(3, ge=2)


Clean = Annotated[
    Plain | Mask | Nfkc | Replace | DropLength | DropNearDuplicates | Contradictions | MergeLabels | DropRareLabels,
    Field(discriminator="name"),
]

# name -> its class, in the order in which they are offered, which is also a good order to run them in.
CLEAN: dict[str, type[Part]] = {
    "fix_mojibake": Plain,
    "strip_html": Plain,
    "nfkc": Nfkc,
    "whitespace": Plain,
    "punctuation": Plain,
    "simplify_chinese": Plain,
    "lowercase": Plain,
    "mask_urls": Mask,
    "mask_emails": Mask,
    "mask_phones": Mask,
    "replace": Replace,
    "merge_labels": MergeLabels,
    "contradictions": Contradictions,
    "drop_duplicates": Plain,
    "drop_near_duplicates": DropNearDuplicates,
    "drop_length": DropLength,
    "drop_rare_labels": DropRareLabels,
}


def build_steps(content: list[dict]) -> list[Part]:
    """Steps from plain data. Raises pydantic.ValidationError."""
    return list(TypeAdapter(list[Clean]).validate_python(content))
