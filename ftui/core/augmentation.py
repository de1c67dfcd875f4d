"""The steps of `data.augment`: what each is called, and its settings. What they do is in ftui.data.augmenting and
ftui.training.augmenting."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from ftui.core.part import Part

Rate = Annotated[FiniteFloat, Field(gt=0, le=0.5)]


class Augmenting(Part):
    """`share`: new rows for each training row; `rate`: how much of a row is changed."""

    share: FiniteFloat = Field(0.5, gt=0, le=10)


class Synonyms(Augmenting):
    name: Literal["synonyms"] = "synonyms"
    rate: Rate = 0.15
    path: str | None = None  # a file of synonyms; null: WordNet, where nltk has it


class MaskedLm(Augmenting):
    name: Literal["masked_lm"] = "masked_lm"
    rate: Rate = 0.15
    model: str | None = None  # null: the base model of the recipe


class Plain(Augmenting):
    name: Literal["random_delete", "random_swap", "character_noise"]
    rate: Rate = 0.1


class BackTranslation(Augmenting):
    name: Literal["back_translation"] = "back_translation"
    there: str = Field(min_length=1)  # a Marian or T5 model, from the Hub or a folder
    back: str = Field(min_length=1)
    there_prefix: str = Field("", max_length=200)  # what T5 is told to do
    back_prefix: str = Field("", max_length=200)


Augment = Annotated[Synonyms | MaskedLm | Plain | BackTranslation, Field(discriminator="name")]

# name -> its class, in the order in which they are offered.
AUGMENT: dict[str, type[Part]] = {
    "synonyms": Synonyms,
    "masked_lm": MaskedLm,
    "random_delete": Plain,
    "random_swap": Plain,
    "character_noise": Plain,
    "back_translation": BackTranslation,
}
WITH_A_MODEL = frozenset({"masked_lm", "back_translation"})


def models(step: Part) -> list[str]:
    """The models that a step names."""
    return [name for field in ("model", "there", "back") if (name := getattr(step, field, None))]
