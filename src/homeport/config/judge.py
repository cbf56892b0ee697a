"""The section `evaluation.judge`: a model that grades outputs, in the background."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from homeport.config.fields import Dollars, Finite, Text, Whole
from homeport.config.section import Section
from homeport.core.money import NANO_PER_USD, Nano

SHIPPED = "quality"
"""The rubric that comes with Homeport."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_KEY = re.compile(r"key_[A-Za-z0-9_-]{1,36}")


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("the name of a rubric is small letters, digits, - and _, at most 40")
    if name == SHIPPED:
        raise ValueError(f"{SHIPPED} comes with Homeport; give your own rubric another name")
    return name


def _check_key(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError("should be the id of a key, such as key_5d41402abc4b2a76, and not the key itself")
    return key


RubricName = Annotated[str, AfterValidator(_check_name)]
KeyId = Annotated[str, AfterValidator(_check_key)]


class RubricSettings(Section):
    """A rubric of your own."""

    version: Whole = Field(ge=1, le=1_000_000, description="Raise it whenever the text changes.")
    text: Annotated[str, Field(min_length=1, max_length=20_000)] = Field(
        description="Says for the model what earns which grade, from 1, useless, to 5, as good as can be."
    )


class JudgeSettings(Section):
    """A model that grades the outputs that `evaluation.sampling.judge` draws. Left out: nobody does."""

    model: Text = Field(
        description="Who is asked: a model, an alias, a tier or `auto`. A new model begins a new epoch of grades, so "
        "name one that stays what it is."
    )
    rubric: Text = Field(
        default=SHIPPED, description=f"By what it grades: `{SHIPPED}`, which comes with Homeport, or one of `rubrics`."
    )
    rubrics: Mapping[RubricName, RubricSettings] = Field(
        default_factory=dict, max_length=100, description="Rubrics of your own, by name."
    )
    key: KeyId | None = Field(
        default=None,
        description="The id of the key that pays, whose budgets, models and data class hold. Left out: the key of each "
        "request pays for the grade of its answer, and its rate limits count it.",
    )
    most_per_day: Dollars | None = Field(
        default=Nano(NANO_PER_USD),
        alias="most_usd_per_day",
        description="What grades may cost from one midnight (UTC) to the next; outputs that are over wait. It needs a "
        "judge whose price is known. `null`: whatever the budgets of the key allow.",
    )
    concurrency: Whole = Field(default=2, ge=1, le=64, description="How many outputs are graded at once.")
    max_tokens: Whole = Field(default=400, ge=1, le=100_000, description="The longest that it may answer.")
    only_grade: bool = Field(
        default=False,
        description="It says its grade alone, as JSON that follows a schema, and not why: cheaper, and small models "
        "that lose themselves in words are read; others judge better when they say why. Its model must follow schemas.",
    )
    temperature: Annotated[Finite, Field(ge=0, le=2)] | None = Field(
        default=0.0, description="`null`: it is not sent, for models that take none."
    )

    @model_validator(mode="after")
    def _know_rubric(self) -> "JudgeSettings":
        if self.rubric != SHIPPED and self.rubric not in self.rubrics:
            raise ValueError(f"rubric should be {SHIPPED} or the name of one of rubrics")
        return self
