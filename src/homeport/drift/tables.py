"""One endpoint's tables of first-token log-probabilities over weeks, with a deviation in them.

A file is a JSON object: `baseline_table`, another table for each kind of deviation under a name that begins with that
kind (`transient_table_2026-08-12T19:20:32`), and under names that begin with `queries` lists of [time, token, kind].
Source of the data: trackllm_data of Timothee Chauvin (CC BY 4.0).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from homeport.core.errors import ConfigError
from homeport.drift.detectors import ALPHA, BURST, FAR, Audit, Verdict, audit, judge_burst
from homeport.drift.probes import collect
from homeport.drift.recording import Row
from homeport.drift.scoring import LEAST_BATCHES, learn, score

_BASELINE = "baseline"
_MOST_BYTES = 64 << 20
_MOST_QUERIES = 20_000
_COMPARED = 60
_HINT = "it has baseline_table, KIND_table..., and queries: [[time, token, kind], ...]"


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint told.

    Attributes:
        kinds: a table by its kind.
        queries: time (seconds) and kind of each, the earliest first.
    """

    name: str
    kinds: Mapping[str, Mapping[str, float]]
    queries: tuple[tuple[float, str], ...]


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of an endpoint with a deviation.

    Attributes:
        deviations: queries whose table was another.
        burst: what ten more at once, all with the baseline's table again, say of the deviation.
        verdict: what the detector says of the deviation, these ten after it.
        alarms: of the detector over all.
        persisting: the same two if the deviation had stayed: a burst, and batches until the alarm (0 for none).
    """

    name: str
    queries: int
    deviations: int
    burst: Verdict
    verdict: Verdict
    alarms: int
    persisting_burst: Verdict
    persisting_alarm_after: int


def read_tables(folder: Path) -> tuple[Tables, ...]:
    """Every `*.json` of a folder.

    Raises:
        ConfigError: recordings_missing; recording_invalid, with the file.
    """
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise ConfigError(
            f"there are no tables of log-probabilities in {folder}",
            code="recordings_missing",
            hint="name the folder with --data: it has trackllm_lt/*.json",
        )
    return tuple(found)


def _read(path: Path) -> Tables:
    try:
        with path.open("rb") as file:
            told = msgspec.json.decode(file.read(_MOST_BYTES), type=dict[str, Any])
        kinds = {
            name.partition("_table")[0]: msgspec.convert(value, dict[str, float])
            for name, value in told.items()
            if "_table" in name
        }
        lists = [value for name, value in told.items() if name.startswith("queries")]
        queries = sorted(_query(one, kinds) for several in lists for one in msgspec.convert(several, list[list[str]]))
    except (OSError, UnicodeError, RecursionError, ValueError, msgspec.DecodeError) as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    if _BASELINE not in kinds or not queries or len(queries) > _MOST_QUERIES:
        raise _invalid(path, f"has no baseline_table, no queries, or more than {_MOST_QUERIES:,}")
    return Tables(name=str(told.get("endpoint", path.name))[:200], kinds=kinds, queries=tuple(queries))


def _query(told: Sequence[str], kinds: Mapping[str, object]) -> tuple[float, str]:
    moment, _token, kind = told
    if kind not in kinds:
        raise ValueError(f"a query of the kind {kind[:40]!a} has no table")
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp(), kind


def passing(tables: Tables, alpha: float = ALPHA) -> Passing:
    """Judge an endpoint by its tables: each query a batch, and ten more after the last deviation.

    Raises:
        ConfigError: recording_too_short, if no query deviates, or nearly all do.
    """
    places = [place for place, (_, kind) in enumerate(tables.queries) if kind != _BASELINE]
    if not places or len(tables.queries) - len(places) < LEAST_BATCHES:
        raise ConfigError(
            f"{tables.name} has no deviation, or fewer than {LEAST_BATCHES} usual queries",
            code="recording_too_short",
            hint="record a longer time",
        )
    kind, last = tables.queries[places[-1]][1], tables.queries[-1][0]
    cleared = _audit(tables, [*tables.queries, *_later(last, _BASELINE)], alpha)
    stayed = _audit(tables, [*tables.queries[: places[-1] + 1], *_later(last, kind)], alpha)
    after = [alarm.batch - places[-1] + 1 for alarm in stayed.alarms if alarm.batch >= places[-1]]
    return Passing(
        name=tables.name,
        queries=len(tables.queries),
        deviations=len(places),
        burst=_burst(tables, _BASELINE),
        verdict=cleared.judged[places[-1]].verdict,
        alarms=len(cleared.alarms),
        persisting_burst=_burst(tables, kind),
        persisting_alarm_after=min(after, default=0),
    )


def _burst(tables: Tables, kind: str) -> Verdict:
    """What ten queries at once say, all with the table of a kind, beside as many clean ones as there are."""
    import numpy as np

    usual = [one for one in tables.queries if one[1] == _BASELINE][-_COMPARED:]
    asked = [*usual, *_later(usual[-1][0], kind)]
    similarity = collect(_rows(tables, asked)).similarity
    clean = learn(similarity, np.arange(len(usual)))
    scores = [score(similarity, place, clean).score for place in range(len(usual), len(asked))]
    return judge_burst([one is not None and one > FAR for one in scores])


def _later(seconds: float, kind: str) -> Iterator[tuple[float, str]]:
    """Ten more queries, an hour apart."""
    hour = timedelta(hours=1).total_seconds()
    return ((seconds + (place + 1) * hour, kind) for place in range(BURST))


def _audit(tables: Tables, queries: Iterable[tuple[float, str]], alpha: float) -> Audit:
    return audit(collect(_rows(tables, queries)).similarity, alpha)


def _rows(tables: Tables, queries: Iterable[tuple[float, str]]) -> Iterator[Row]:
    for seconds, kind in queries:
        yield Row(seconds=seconds, batch=str(seconds), probe="x", output="", logprobs=tables.kinds[kind])


def _invalid(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path} {problem}"[:600], code="recording_invalid", hint=_HINT)
