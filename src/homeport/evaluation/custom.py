"""Metrics of one's own: functions with `@metric` in a file that the configuration names."""

import math
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import overload

from homeport.core.errors import ConfigError
from homeport.evaluation.metrics.base import NAME, Measure, Message, Need, Sample, Score, ToolCall, Unit, verdict

__all__ = ["Measure", "Message", "Need", "Sample", "Score", "ToolCall", "Unit", "load_file", "metric"]

Said = Score | bool | float | None
"""What a function may say: whether an answer passed, a number, a score, or None where it does not apply."""

Function = Callable[[Sample], Said]

_LABEL = "failed"
_MODULE = "homeport_metrics_of_"


@overload
def metric(function: Function, /) -> Measure: ...
@overload
def metric(
    *, name: str = "", version: int = 1, unit: str = "", needs: str = Need.TEXT
) -> Callable[[Function], Measure]: ...
def metric(
    function: Function | None = None, /, *, name: str = "", version: int = 1, unit: str = "", needs: str = Need.TEXT
) -> Measure | Callable[[Function], Measure]:
    """Make a metric of a function: `@metric`, or `@metric(name=..., version=..., unit=..., needs=...)`.

    Args:
        name: of the metric; left out, the function's own.
        version: count it up whenever the same answer gets another score.
        unit: `pass`, `share`, `points`, `tokens`, `ms` or `number`; left out, `pass`.
        needs: `nothing`, `text`, `schema`, `tools` or `reference`; of other samples it is not asked.

    Raises:
        ValueError: a name, a unit or a need that is none.
    """
    if function is None:
        return lambda given: _measure(given, name, version, unit or Unit.PASS, needs)
    return _measure(function, name, version, Unit.PASS, Need.TEXT)


def load_file(path: Path) -> tuple[Measure, ...]:
    """The metrics of a file, in the order of their names.

    Raises:
        ConfigError: metric_file_invalid: it cannot be read or run, or has no metric.
    """
    module = _run(path)
    found = {id(value): value for value in vars(module).values() if isinstance(value, Measure)}
    if not found:
        raise _invalid(path, "it has no function with @metric")
    _refuse_twins(path, found.values())
    return tuple(sorted(found.values(), key=lambda one: one.name))


def _run(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"{_MODULE}{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise _invalid(path, "there is no such file of Python")
    module = module_from_spec(spec)
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is somebody's code, and may fail in any way
        raise _invalid(path, f"{type(error).__name__}: {error}"[:300]) from error
    finally:
        sys.dont_write_bytecode = wrote
    return module


def _measure(function: Function, name: str, version: int, unit: str, needs: str) -> Measure:
    named = name or getattr(function, "__name__", "")
    if not NAME.fullmatch(named):
        raise ValueError(f"{named!r} is no name of a metric: use small letters, digits and _, at most 40")
    if version < 1:
        raise ValueError(f"the version of {named} is a whole number from 1")
    return Measure(name=named, measure=_scored(function), version=version, unit=Unit(unit), needs=Need(needs))


def _scored(function: Function) -> Callable[[Sample], Score | None]:
    @wraps(function)
    def score(sample: Sample) -> Score | None:
        return _score_of(function(sample))

    return score


def _score_of(said: Said) -> Score | None:
    """As a score. Raises TypeError or ValueError for what says nothing."""
    if said is None or isinstance(said, Score):
        return said
    if isinstance(said, bool):
        return verdict("" if said else _LABEL)
    value = float(said)
    if not math.isfinite(value):
        raise ValueError("the score is no finite number")
    return Score(value)


def _refuse_twins(path: Path, found: Iterable[Measure]) -> None:
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _invalid(path, f"two of its metrics are called {twice[0]}")


def _invalid(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"the metrics of {path} cannot be used: {what}",
        code="metric_file_invalid",
        hint="see docs/how-to/write-a-metric.md for what such a file looks like",
    )
