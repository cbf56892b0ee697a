"""The section `evaluation`: what is measured of every output, and which outputs are looked at more closely."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from homeport.config.fields import Finite, Whole
from homeport.config.judge import JudgeSettings
from homeport.config.prompt_drift import PromptDriftSettings
from homeport.config.quality_watch import QualityWatchSettings
from homeport.config.review import ReviewSettings
from homeport.config.section import Section

OVERSAMPLED = ("format", "language", "refusal", "repetition", "tool_arguments", "toxicity", "truncation")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError("the name of a metric is small letters, digits and _, at most 40")
    return name


def _check_file(path: str) -> str:
    if not PurePosixPath(path).is_absolute() or not path.endswith(".py") or "\0" in path:
        raise ValueError("should be an absolute path of a file of Python, such as /etc/homeport/metrics.py")
    return path


MetricName = Annotated[str, AfterValidator(_check_name)]
MetricFile = Annotated[str, AfterValidator(_check_file)]
Share = Annotated[Finite, Field(ge=0, le=1)]


class SamplingSettings(Section):
    """Which outputs a judge and people look at. Each sample is a part of the one before it."""

    judge: Share = Field(default=0.15, description="Share of the outputs that a judge model is to look at.")
    human: Share = Field(default=0.07, description="Share that people are to review; at most `judge`.")
    floor: Annotated[Finite, Field(gt=0, le=1)] = Field(
        default=0.6, description="Part of each share that is drawn from all outputs alike; the rest from low ones."
    )
    most: Annotated[Finite, Field(ge=1, le=100)] = Field(
        default=4.0, description="A low output is drawn at most so many times as often as the share says."
    )
    oversample: tuple[MetricName, ...] = Field(
        default=OVERSAMPLED, max_length=100, description="An output that fails one of these metrics is low."
    )
    by: Literal["request", "trace"] = Field(
        default="request",
        description="What is drawn: single requests, or all requests of a trace together. Intervals are for requests "
        "that were drawn one by one: those of a trace are alike.",
    )

    @model_validator(mode="after")
    def _nest(self) -> "SamplingSettings":
        if self.human > self.judge:
            raise ValueError("human should be at most judge: what people review is judged too")
        return self


class EvaluationSettings(Section):
    """What is measured of every output, by the jobs worker. Off by default."""

    enabled: bool = Field(default=False, description="Whether outputs are measured.")
    metrics: tuple[MetricName, ...] | None = Field(
        default=None,
        max_length=100,
        description="Metrics by name. Left out: all that come with Homeport; those of other packages must be named.",
    )
    options: Mapping[MetricName, Mapping[str, object]] = Field(
        default_factory=dict,
        repr=False,
        description="Settings given to metrics, by name, such as `latency: {most_ms: 5000}`.",
    )
    files: tuple[MetricFile, ...] = Field(
        default=(), max_length=20, description="Files of Python with metrics of your own."
    )
    sampling: SamplingSettings = Field(
        default_factory=SamplingSettings, description="Which outputs are looked at more closely."
    )
    judge: JudgeSettings | None = Field(
        default=None, description="A model that grades the outputs of its sample. Left out: nobody does."
    )
    review: ReviewSettings = Field(default_factory=ReviewSettings, description="How people review outputs.")
    prompt_drift: PromptDriftSettings = Field(
        default_factory=PromptDriftSettings, description="Whether it is told that other things are asked than before."
    )
    watch: QualityWatchSettings = Field(
        default_factory=QualityWatchSettings, description="When answers that became worse are an incident."
    )
    keep_days: Whole = Field(
        default=90, ge=1, le=3_650, description="How many days the scores of single outputs are kept."
    )
    keep_hours_days: Whole = Field(
        default=400, ge=1, le=36_500, description="How many days the sums of hours are kept, which pages show."
    )

    @model_validator(mode="after")
    def _judge_something(self) -> "EvaluationSettings":
        if self.judge is not None and not self.enabled:
            raise ValueError("a judge has nothing to judge: switch `enabled` on")
        return self
