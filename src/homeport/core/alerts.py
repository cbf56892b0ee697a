"""What somebody should be told: frozen values in the past tense, each told once in its window.

Whoever finds one hands it to `storage.alerts.raise_alert`; who is told, and how, is not its concern.
An alert holds names, ids and sums, never a prompt, an answer or a secret.
"""

from typing import ClassVar

from homeport.core import unusual
from homeport.core.incidents import IncidentKind, ModelChanged, PromptsDrifted, QualityFell
from homeport.core.money import Nano, format_usd
from homeport.core.told import Severity, Told
from homeport.core.unusual import (
    AnswersEmpty,
    ErrorsUnusual,
    FirstTokenUnusual,
    LatencyUnusual,
    SpendUnusual,
    TokensUnusual,
)

_HOUR = 3_600 * 1_000_000_000
_DAY = 24 * _HOUR


class _OfBudget(Told, frozen=True, kw_only=True):
    """An alert about one account.

    Attributes:
        budget_id, budget: its id and its name.
        instance: the user's or the trace's name where every one has an account of its own, else "".
        window: `hour`, `day`, `month` or `total`.
        period: the month as 2026-10 where the window is a month, else "".
        spent, limit: nano-dollars in the window.
    """

    budget_id: str
    budget: str
    instance: str = ""
    window: str
    period: str = ""
    spent: Nano
    limit: Nano

    @property
    def quiet_ns(self) -> int:
        return {"hour": _HOUR, "day": _DAY}.get(self.window, 0)

    @property
    def _account(self) -> str:
        return f"{self.budget_id}:{self.instance}:{self.period}"

    @property
    def _named(self) -> str:
        return f"{self.budget} ({self.instance})" if self.instance else self.budget

    @property
    def _figures(self) -> str:
        return f"${format_usd(self.spent)} of ${format_usd(self.limit)} in this {_WORDS.get(self.window, self.window)}"


_WORDS = {"total": "budget's life"}


class BudgetThresholdReached(_OfBudget, frozen=True, kw_only=True):
    """Spending has come to `percent` of a limit."""

    percent: int

    kind: ClassVar[str] = "budget.threshold_reached"

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL if self.percent >= 100 else Severity.WARNING

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self._account}:{self.percent}"

    @property
    def summary(self) -> str:
        return f"Budget {self._named} has reached {self.percent} %: {self._figures}"


class BudgetExceeded(_OfBudget, frozen=True, kw_only=True):
    """Requests were refused because they did not fit; `refused` since the last look."""

    refused: int

    kind: ClassVar[str] = "budget.exceeded"

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self._account}"

    @property
    def summary(self) -> str:
        return f"Budget {self._named} refuses requests: {self._figures}"


class BurnRate(_OfBudget, frozen=True, kw_only=True):
    """Money goes `rate` times as fast as the limit allows, over a long window and a short one.

    Attributes:
        long, short: the windows, such as 1h and 5m.
        urgent: get up now; else look at it this week.
    """

    rate: float
    long: str
    short: str
    urgent: bool

    kind: ClassVar[str] = "budget.burn_rate"

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL if self.urgent else Severity.WARNING

    @property
    def quiet_ns(self) -> int:
        return _HOUR if self.urgent else _DAY

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self._account}:{self.long}"

    @property
    def summary(self) -> str:
        return f"Budget {self._named} burns {self.rate:.1f} times too fast over {self.long}: {self._figures}"


class ForecastOverBudget(_OfBudget, frozen=True, kw_only=True):
    """The end of the window is expected above the limit; `low` and `high` are the interval of the forecast."""

    forecast: Nano
    low: Nano
    high: Nano

    kind: ClassVar[str] = "budget.forecast_over"

    @property
    def quiet_ns(self) -> int:
        return _DAY

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self._account}"

    @property
    def summary(self) -> str:
        return f"Budget {self._named} is expected to need ${format_usd(self.forecast)}: {self._figures}"


class SpendAnomaly(Told, frozen=True, kw_only=True):
    """A project spent in one hour what its history does not explain.

    Attributes:
        hour: where the hour begins, nanoseconds since the epoch.
        spent, expected: nano-dollars in that hour.
    """

    project: str
    hour: int
    spent: Nano
    expected: Nano

    kind: ClassVar[str] = "spend.anomaly"

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self.project}:{self.hour}"

    @property
    def summary(self) -> str:
        return (
            f"Project {self.project} spent ${format_usd(self.spent)} in an hour; "
            f"${format_usd(self.expected)} would be usual"
        )


class LoopStopped(Told, frozen=True, kw_only=True):
    """An agent was stopped because it went round in circles.

    Attributes:
        what: what repeated, in a few words without content.
        repeats, calls: how often it did, and how many calls the trace had.
        cost: nano-dollars that the trace had cost by then.
    """

    key_id: str
    project: str
    trace_id: str
    what: str
    repeats: int
    calls: int
    cost: Nano

    kind: ClassVar[str] = "loop.stopped"

    @property
    def quiet_ns(self) -> int:
        return _HOUR

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self.key_id}:{self.trace_id}"

    @property
    def summary(self) -> str:
        return (
            f"Trace {self.trace_id} of {self.project} was stopped after {self.calls} calls and "
            f"${format_usd(self.cost)}: {self.what}, {self.repeats} times"
        )


class CacheSwitchedOff(Told, frozen=True, kw_only=True):
    """A partition of the cache gave too many wrong answers, and gives no more to questions that only resemble others.

    Attributes:
        partition: its id, in hexadecimal.
        key_id, project, model: of the request whose answer was the last one that was found wrong.
        checked, wrong: how many answers were compared with a live one, and how many differed.
        bound, budget: percent that may be wrong with 95 % confidence, and percent that may be.
    """

    partition: str
    key_id: str
    project: str
    model: str
    checked: int
    wrong: int
    bound: float
    budget: float

    kind: ClassVar[str] = "cache.switched_off"

    @property
    def quiet_ns(self) -> int:
        return _HOUR

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self.partition}"

    @property
    def summary(self) -> str:
        return (
            f"Semantic answers of {self.model} for {self.project} are switched off: "
            f"{self.wrong} of {self.checked} that were checked were wrong (partition {self.partition})"
        )


class AlertsTested(Told, frozen=True, kw_only=True):
    """Somebody asked whether alerts arrive. Nothing else is wrong."""

    kind: ClassVar[str] = "alerts.tested"

    @property
    def severity(self) -> Severity:
        return Severity.INFO

    @property
    def dedupe_key(self) -> str:
        return f"{self.kind}:{self.at}"

    @property
    def summary(self) -> str:
        return "This is a test: alerts of Homeport arrive here"


Alert = (
    BudgetThresholdReached
    | BudgetExceeded
    | BurnRate
    | ForecastOverBudget
    | SpendAnomaly
    | LoopStopped
    | CacheSwitchedOff
    | ErrorsUnusual
    | AnswersEmpty
    | LatencyUnusual
    | FirstTokenUnusual
    | TokensUnusual
    | SpendUnusual
    | QualityFell
    | ModelChanged
    | PromptsDrifted
    | AlertsTested
)

KINDS: tuple[str, ...] = tuple(
    kind.kind
    for kind in (
        BudgetThresholdReached,
        BudgetExceeded,
        BurnRate,
        ForecastOverBudget,
        SpendAnomaly,
        LoopStopped,
        CacheSwitchedOff,
        ErrorsUnusual,
        AnswersEmpty,
        LatencyUnusual,
        FirstTokenUnusual,
        TokensUnusual,
        SpendUnusual,
        QualityFell,
        ModelChanged,
        PromptsDrifted,
    )
)
"""Every kind that a receiver can choose; a test goes to whom it is for."""

LASTING = (*unusual.KINDS, *(kind.value for kind in IncidentKind))
"""Kinds of alerts that tell of a begin, and later of an end."""
