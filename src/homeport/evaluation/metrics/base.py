"""What a metric offers, and what it is handed. One conformance suite covers every metric."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from homeport.core.errors import ConfigError
from homeport.evaluation.checks import Referee

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Names travel in columns and in labels of Prometheus."""

Options = TypeVar("Options", bound=msgspec.Struct)


class Need(StrEnum):
    """What a sample must have for a metric to say something of it."""

    NOTHING = "nothing"
    TEXT = "text"
    SCHEMA = "schema"
    TOOLS = "tools"
    REFERENCE = "reference"


class Unit(StrEnum):
    """What a value counts. PASS is 1 or 0; SHARE is from 0 to 1, and 1 is best; POINTS are from 0 to 100."""

    PASS = "pass"  # noqa: S105  it is no password
    SHARE = "share"
    POINTS = "points"
    TOKENS = "tokens"
    MILLISECONDS = "ms"
    NUMBER = "number"


class Message(msgspec.Struct, frozen=True):
    """One turn of what was asked."""

    role: str
    text: str


class ToolCall(msgspec.Struct, frozen=True):
    """A tool that the model called; `arguments` are as it wrote them."""

    name: str
    arguments: str


class Form(StrEnum):
    """What the answer's format must be, as the request's `response_format` says."""

    ANY = ""
    OBJECT = "json_object"
    SCHEMA = "json_schema"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One output, and what is known of it.

    Attributes:
        output: the text of the answer; None where what was said is not known: then `messages`, `tool_calls`,
            `form`, `tools` and `finish` are not known either.
        finish: why it ended, in OpenAI's words; "" where that is not known.
        form, schema: what format was asked for; None for no schema.
        tools: the schema of the arguments of each tool that was offered, by its name.
        max_tokens: the longest answer that the caller wanted; None for no bound.
        reference: what would have been right; None where nobody said so, as in live traffic.
        output_tokens: of the answer; 0 where they are not known.
        latency_ns, ttft_ns: nanoseconds to the last and to the first byte; 0 where there was none.
        stream: it came piece by piece, so `ttft_ns` says something.
    """

    messages: tuple[Message, ...] = ()
    output: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    form: Form = Form.ANY
    schema: Mapping[str, Any] | None = None
    tools: Mapping[str, Mapping[str, Any]] = {}
    max_tokens: int | None = None
    reference: str | None = None
    output_tokens: int = 0
    latency_ns: int = 0
    ttft_ns: int = 0
    stream: bool = False
    model: str = ""
    tier: str = ""
    target: str = ""

    @property
    def question(self) -> str:
        """What the user said last; "" for nothing."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    def has(self, need: Need) -> bool:
        """Whether a metric that needs this can say something of it."""
        match need:
            case Need.NOTHING:
                return True
            case Need.TEXT:
                return self.output is not None
            case Need.SCHEMA:
                return self.output is not None and self.form is not Form.ANY
            case Need.TOOLS:
                return self.output is not None and bool(self.tool_calls)
            case Need.REFERENCE:
                return self.output is not None and self.reference is not None


class Score(msgspec.Struct, frozen=True):
    """What a metric says of one sample.

    Attributes:
        value: finite, in the metric's unit.
        passed: False for an answer with a defect; None where the metric only measures.
        label: the kind of the defect, or of the answer, in one word; "" for nothing to tell apart.
        why: in a few words, and never in those of the answer: scores outlive what was said.
    """

    value: float
    passed: bool | None = None
    label: str = ""
    why: str = ""


def verdict(label: str = "", why: str = "") -> Score:
    """A score in PASS: passed where there is no label of a defect."""
    return Score(0.0 if label else 1.0, not label, label, why)


class Metric(Protocol):
    """One metric, ready to measure. Total and pure: the same sample always has the same score.

    Attributes:
        name: also the name of its module.
        version: counts up whenever the same sample gets another score; scores of two versions do not compare.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def unit(self) -> Unit: ...
    @property
    def needs(self) -> Need: ...

    def score(self, sample: Sample) -> Score | None:
        """The score; None where it does not apply. It takes milliseconds, however long or odd the sample is."""


class Embed(Protocol):
    """Texts as rows of unit length, see embeddings/base.py."""

    def __call__(self, texts: Sequence[str]) -> "NDArray[np.float32]": ...


class MetricSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric is made from.

    Attributes:
        options: what the configuration says under the metric's name.
        referee: decides what could take for ever.
        embedder: makes what turns texts into vectors; called by a metric that needs one, when it first does.
    """

    referee: Referee
    embedder: Callable[[], Embed]
    options: Mapping[str, Any] = {}


class MetricModule(Protocol):
    """A module of this folder, or of the entry-point group `homeport.evaluation.metrics`.

    Raises ConfigError, code metric_option_invalid.
    """

    def create(self, setup: MetricSetup) -> Metric: ...


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A `Metric` out of a function."""

    name: str
    measure: Callable[[Sample], Score | None]
    version: int = 1
    unit: Unit = Unit.PASS
    needs: Need = Need.TEXT

    def score(self, sample: Sample) -> Score | None:
        return self.measure(sample)


class NoOptions(msgspec.Struct, frozen=True):
    """Of a metric that has none."""


def read_options(name: str, setup: MetricSetup, kind: type[Options]) -> Options:
    """The options as a metric's own struct.

    Raises:
        ConfigError: metric_option_invalid: an unknown option, one of the wrong type, or one out of range.
    """
    known = kind.__struct_fields__
    unknown = sorted(str(option) for option in set(setup.options) - set(known))
    where = f"evaluation.options.{name}"
    if unknown:
        hint = f"use: {', '.join(known)}" if known else f"remove {where}"
        raise ConfigError(
            f"the metric {name} has no option {unknown[0][:64]!r}", code="metric_option_invalid", hint=hint
        )
    try:
        return msgspec.convert(dict(setup.options), kind)
    except (msgspec.ValidationError, TypeError) as error:
        hint = "see docs/reference/quality-metrics.md"
        raise ConfigError(f"{where}: {error}", code="metric_option_invalid", hint=hint) from None
