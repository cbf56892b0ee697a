"""Traffic that is not as usual: what is measured, what was found, and the alerts of its begin and its end.

A finding and its alerts share an `incident`, so that a receiver that knows states can close what it opened.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from homeport.core.told import Severity, Told

_SECOND = 1_000_000_000
_QUIET_NS = 600 * _SECOND
_CRITICAL_SHARE = 0.25
"""From a quarter of the requests on it is worth getting up for."""

BEGAN, OVER = "began", "over"


class Level(StrEnum):
    """Whose traffic it is, the likeliest cause first: what one level explains is not told of the next."""

    MODEL = "model"
    ALL = "all"
    KEY = "key"


class Measure(StrEnum):
    """What is measured, causes before what follows from them."""

    ERRORS = "errors"
    EMPTY = "empty"
    OUTPUT_TOKENS = "output_tokens"
    INPUT_TOKENS = "input_tokens"
    LATENCY = "latency"
    TTFT = "ttft"
    SPEND = "spend"


SHARES = frozenset({Measure.ERRORS, Measure.EMPTY})
"""Those that are a share of the requests which got nothing."""


class Unusual(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as usual.

    Attributes:
        subject: the model's name or the key's id; "" for all requests.
        named: what people call the key; "" where nobody knows.
        since: nanoseconds since the epoch, as is `until`; that is None while it lasts.
        usual, found: shares for errors and empty answers, seconds for times, tokens a request, dollars a minute.
        samples: how many requests it was found by.
        settled: it has lasted so long that it counts as usual now.
        unasked: nobody asks any more, so nobody knows whether it lasts.
    """

    level: Level
    subject: str
    measure: Measure
    since: int
    usual: float
    found: float
    samples: int
    until: int | None = None
    settled: bool = False
    unasked: bool = False
    named: str = ""

    @property
    def severity(self) -> Severity:
        failing = self.measure in SHARES and self.found >= _CRITICAL_SHARE
        return Severity.CRITICAL if failing else Severity.WARNING

    @property
    def sentence(self) -> str:
        """What changed, since when, where, by how much, and what to do; or that it is over."""
        does, advice = _WORDS[self.measure]
        what = f"{self._who} {does.format(self._amount(self.found))} since {_clock(self.since)}"
        if self.until is None:
            return f"{what}, where {self._amount(self.usual)} would be usual: {_OF_KEY.get(self._place, advice)}"
        if self.settled:
            return f"{what}, and that counts as usual now ({self._amount(self.usual)} was before)"
        if self.unasked:
            return f"Nobody asks any more, so whether it lasts is not known: {what}"
        return f"It is over since {_clock(self.until)}: {what}, where {self._amount(self.usual)} would be usual"

    @property
    def _who(self) -> str:
        if self.level is Level.ALL:
            return "All traffic"
        name = f"{self.named} ({self.subject})" if self.named else self.subject
        return f"{self.level.capitalize()} {name}"

    @property
    def _place(self) -> tuple[Level, Measure]:
        return self.level, self.measure

    def _amount(self, value: float) -> str:
        if self.measure in SHARES:
            return f"{100 * value:.1f} %"
        if self.measure is Measure.SPEND:
            return f"${value:.4f}"
        if self.measure in (Measure.LATENCY, Measure.TTFT):
            return f"{value:.2f} s"
        return f"{value:.0f}"


_WORDS = {
    Measure.ERRORS: ("has failed {} of its requests", "see its errors in the log, and let another model go first"),
    Measure.EMPTY: (
        "has answered {} of its requests with nothing",
        "look at one of them, and let another model go first",
    ),
    Measure.OUTPUT_TOKENS: (
        "has answered with {} tokens a request",
        "compare answers of before and after, for the model may be another",
    ),
    Measure.INPUT_TOKENS: (
        "has counted {} input tokens a request",
        "compare prompts with their counts, for it may count otherwise now",
    ),
    Measure.LATENCY: ("has taken {} for a whole answer", "see whether it is overloaded, or let another go first"),
    Measure.TTFT: ("has taken {} to the first token", "see whether it is overloaded, or let another go first"),
    Measure.SPEND: ("has cost {} a minute", "find out what asks so much with homeport cost, or set a budget"),
}
_OF_KEY = {
    (Level.ALL, Measure.ERRORS): "see the newest errors in the log, and with homeport status what is up",
    (Level.KEY, Measure.ERRORS): "ask its owner what was changed, and see the errors in the log",
    (Level.KEY, Measure.OUTPUT_TOKENS): "ask its owner whether longer answers are wanted, or set a budget",
    (Level.KEY, Measure.INPUT_TOKENS): "ask its owner whether longer prompts are wanted, or set a budget",
    (Level.KEY, Measure.SPEND): "ask its owner, and set a budget or revoke the key where nobody knows why",
}


class _Anomaly(Told, frozen=True, kw_only=True):
    """A finding, told when it begins and when it is over.

    Attributes:
        incident: the same in both.
        state: `began` or `over`.
        until: when it was over, 0 before.
        usual, found, samples: see `Unusual`.
        urgent: what `severity` says, at the end too, so that who was told of the begin is told of the end.
        worse: it was told of before, as less severe.
    """

    incident: str
    state: str
    level: str
    subject: str
    measure: str
    since: int
    until: int
    usual: float
    found: float
    samples: int
    urgent: bool
    worse: bool = False
    sentence: str

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL if self.urgent else Severity.WARNING

    @property
    def quiet_ns(self) -> int:
        return _QUIET_NS if self.state == BEGAN and not self.worse else 0

    @property
    def dedupe_key(self) -> str:
        if self.state == OVER:
            return f"{self.kind}:{self.incident}:{OVER}"
        if self.worse:
            return f"{self.kind}:{self.incident}:{self.severity}"
        return f"{self.kind}:{self.level}:{self.measure}:{self.subject}"

    @property
    def summary(self) -> str:
        return self.sentence


class ErrorsUnusual(_Anomaly, frozen=True, kw_only=True):
    """More requests fail than usual."""

    kind: ClassVar[str] = "anomaly.errors"


class AnswersEmpty(_Anomaly, frozen=True, kw_only=True):
    """Requests succeed, and more answers than usual have nothing in them."""

    kind: ClassVar[str] = "anomaly.empty"


class LatencyUnusual(_Anomaly, frozen=True, kw_only=True):
    """Whole answers take longer than usual."""

    kind: ClassVar[str] = "anomaly.latency"


class FirstTokenUnusual(_Anomaly, frozen=True, kw_only=True):
    """Streams begin later than usual."""

    kind: ClassVar[str] = "anomaly.ttft"


class TokensUnusual(_Anomaly, frozen=True, kw_only=True):
    """Requests take more tokens than usual, in or out."""

    kind: ClassVar[str] = "anomaly.tokens"


class SpendUnusual(_Anomaly, frozen=True, kw_only=True):
    """Money goes faster than usual."""

    kind: ClassVar[str] = "anomaly.spend"


Anomaly = ErrorsUnusual | AnswersEmpty | LatencyUnusual | FirstTokenUnusual | TokensUnusual | SpendUnusual

_KINDS: dict[Measure, type[Anomaly]] = {
    Measure.ERRORS: ErrorsUnusual,
    Measure.EMPTY: AnswersEmpty,
    Measure.OUTPUT_TOKENS: TokensUnusual,
    Measure.INPUT_TOKENS: TokensUnusual,
    Measure.LATENCY: LatencyUnusual,
    Measure.TTFT: FirstTokenUnusual,
    Measure.SPEND: SpendUnusual,
}


KINDS = tuple(sorted({kind.kind for kind in _KINDS.values()}))


def anomaly_alert(unusual: Unusual, incident: str, at: int, *, worse: bool = False) -> Anomaly:
    """The alert of a finding's begin, or of its end where it has one; `at` is in nanoseconds since the epoch.

    Args:
        worse: the begin was told already, as less severe.
    """
    return _KINDS[unusual.measure](
        at=at,
        incident=incident,
        state=BEGAN if unusual.until is None else OVER,
        level=str(unusual.level),
        subject=unusual.subject,
        measure=str(unusual.measure),
        since=unusual.since,
        until=unusual.until or 0,
        usual=unusual.usual,
        found=unusual.found,
        samples=unusual.samples,
        urgent=unusual.severity is Severity.CRITICAL,
        worse=worse,
        sentence=unusual.sentence,
    )


def _clock(at: int) -> str:
    """The time of the day, to the minute."""
    return datetime.fromtimestamp(at // _SECOND, UTC).strftime("%H:%M UTC")
