"""What is known of audited models: each by its own recording, and all together."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from homeport.drift.baselines import Archive, Baseline, nanoseconds, read_lines
from homeport.drift.detectors import Verdict
from homeport.drift.live import judged
from homeport.drift.looks import Looked
from homeport.drift.passive import Signal, of_answers, of_days
from homeport.drift.severity import Replayed
from homeport.stats.sequential import e_benjamini_hochberg
from homeport.storage.model_days import ModelDay

FALSE_SHARE = 0.1
"""Of the models that are said to have changed together, at most so many by chance."""

_MOST_EXAMPLES = 10


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An audited model as it stands.

    Attributes:
        told: what `homeport drift replay` says of its recording; None before the first batch.
        signals: what its answers say of themselves, and what the ledger counts of callers' requests.
        looked: looks that were followed by a burst.
        requests: ids of requests by batch and probe, as far as they went through the gateway.
        replays: inputs of its routes that were asked again since it changed.
        settled_at: an alarm up to here was looked into, nanoseconds since the epoch; 0 for none.
    """

    baseline: Baseline
    told: Mapping[str, Any] | None
    signals: tuple[Signal, ...] = ()
    looked: tuple[Looked, ...] = ()
    requests: Mapping[tuple[str, str], str] = {}
    replays: tuple[Replayed, ...] = ()
    settled_at: int = 0

    @property
    def alarms(self) -> tuple[Mapping[str, Any], ...]:
        """Those that nobody looked into."""
        found: Sequence[Mapping[str, Any]] = self.told["alarms"] if self.told else ()
        return tuple(one for one in found if nanoseconds(one["batch"]) > self.settled_at)

    @property
    def jumps(self) -> tuple[Looked, ...]:
        """Looks that were a change, and that nobody looked into."""
        return tuple(one for one in self.looked if one.verdict is Verdict.CHANGE and one.at > self.settled_at)

    @property
    def changed(self) -> bool:
        """Whether there is a change that nobody looked into."""
        return bool(self.alarms or self.jumps)

    @property
    def since(self) -> int:
        """When a change that nobody looked into began, nanoseconds since the epoch; 0 for none."""
        began = [*(nanoseconds(one["since"]) for one in self.alarms), *(one.at for one in self.jumps)]
        return min(began, default=0)

    @property
    def examples(self) -> tuple[str, ...]:
        """Ids of requests that show the change: answers of probes that moved."""
        found = (self.requests.get((alarm["batch"], probe), "") for alarm in self.alarms for probe in alarm["probes"])
        return tuple(one for one in found if one)[:_MOST_EXAMPLES]

    @property
    def e_value(self) -> float:
        """Evidence of a change that was not looked into, as an e-value: that of the detector, shared by the batches
        it may have begun with; 1 for none."""
        if self.told is None:
            return 1.0
        batches = max(1, sum(one["score"] is not None for one in self.told["batches"]))
        newest: float = self.told["batches"][-1]["e_value"]
        return max([1.0, newest / batches, *(float(one["e_value"]) / batches for one in self.alarms)])


def known(
    archive: Archive,
    baseline: Baseline,
    alpha: float,
    settled_at: int = 0,
    days: Mapping[str, Sequence[ModelDay]] | None = None,
) -> Known:
    """An audited model by its files, and by the days that the ledger has of the models behind its name.

    Args:
        days: by their public names.

    Raises:
        ConfigError: recording_invalid, recording_too_large.
    """
    lines = list(archive.rows(archive.answers))
    return Known(
        baseline=baseline,
        told=judged(archive, alpha),
        signals=(*of_answers(lines), *_of_ledger(days or {})),
        requests={(line.batch, line.probe): line.request for line in lines},
        looked=tuple(read_lines(archive.bursts, Looked)),
        settled_at=settled_at,
    )


def _of_ledger(days: Mapping[str, Sequence[ModelDay]]) -> Sequence[Signal]:
    """Where a name leads to several models, each signal says of which it is."""
    found = [(target, signal) for target, of in days.items() for signal in of_days(of)]
    if len(days) < 2:
        return [signal for _, signal in found]
    return [msgspec.structs.replace(signal, name=f"{signal.name} of {target}") for target, signal in found]


def together(models: Sequence[Known], share: float = FALSE_SHARE) -> tuple[str, ...]:
    """Of the models with an alarm those that hold when all are judged together: at most a share of those whose
    evidence suffices for that changed by chance alone (e-BH)."""
    rejected = e_benjamini_hochberg([one.e_value for one in models], share) if models else ()
    return tuple(models[place].baseline.name for place in rejected if models[place].changed)
