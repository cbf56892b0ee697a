"""A package's own suites on engines, and whether an engine's answers repeat."""

import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from random import Random

import msgspec

from homeport.bootstrap.answerer import EngineAnswerer
from homeport.bootstrap.packages import verify_package
from homeport.bootstrap.trial import TrialEngine, on_trial, trial_engine
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.evaluation import parity
from homeport.evaluation.answers import Question, Told
from homeport.evaluation.determinism import CONDITIONS, Border, Plan, Probe, Repeats, nearest, probe
from homeport.evaluation.parity import Parity
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.results import Build, Outcome, Recorded, Results, compare, record, results_of
from homeport.evaluation.suites import Judged, Suite, run, suites_of
from homeport.packages.base import Progress, StoredPackage, bare_name, step

_DEFAULT_ENGINE = "llamacpp"
_DETERMINISTIC = "deterministic"
_SLOTS = frozenset({"slots"})


class Profile(msgspec.Struct, frozen=True):
    """A way to run an engine: its own, or the one that claims to repeat."""

    name: str
    deterministic: bool

    def of(self, engine: TrialEngine) -> TrialEngine:
        """One that claims to repeat answers one request at a time, so it leaves out how many the engine else does."""
        claims = self.deterministic and engine.knows(_DETERMINISTIC)
        changes = {_DETERMINISTIC: True, **dict.fromkeys(_SLOTS & engine.settings.profile.keys(), 1)} if claims else {}
        return engine.with_options(changes, f" ({self.name})")


_PROFILES = (Profile("default", False), Profile("deterministic", True))


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """Every suite of a package on one engine.

    Attributes:
        seconds: until the engine answered for the first time.
        judged: by the suite's name.
    """

    build: Build
    seconds: float
    judged: Mapping[str, tuple[Judged, ...]]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A package on one engine or several.

    Attributes:
        recorded: the results that the package carries.
    """

    package: StoredPackage
    suites: tuple[Suite, ...]
    recorded: tuple[Results, ...]
    runs: tuple[EngineRun, ...]

    def outcomes(self) -> tuple[Outcome, ...]:
        """Each suite on each engine, beside what was recorded."""
        return tuple(
            compare(suite, self.recorded_run(suite, one), self.recorded) for suite in self.suites for one in self.runs
        )

    def parities(self) -> tuple[Parity, ...]:
        """Each suite on each pair of engines."""
        return tuple(
            parity.compare(suite.name, a.build, b.build, a.judged[suite.name], b.judged[suite.name])
            for suite in self.suites
            for a, b in combinations(self.runs, 2)
        )

    def recorded_run(self, suite: Suite, engine: EngineRun) -> Recorded:
        return record(engine.build, engine.judged[suite.name])


def default_engine(settings: Settings, package: str) -> str:
    """The engine of the configuration that serves a package, or llama.cpp."""
    serving = (name for name, engine in settings.engines.items() if engine.package == bare_name(package))
    return next(serving, _DEFAULT_ENGINE)


async def evaluate_package(
    settings: Settings, home: Home, name: str, engines: Sequence[str], progress: Progress
) -> Evaluation:
    """Run a package's suites on engines, one engine after the other, so that none disturbs another.

    Raises:
        PackageError: the package, its suites or its results cannot be used.
        ConfigError: engine_unknown, or a wrong option.
        EngineError: an engine does not start.
        UpstreamError: an engine does not answer.
    """
    chosen = _distinct(settings, engines or (default_engine(settings, name),))
    package = verify_package(settings, home, name, progress)
    suites, recorded = suites_of(package), results_of(package)
    with ProcessReferee() as referee:
        runs = [await _run(home, engine.advised(package), package, suites, referee, progress) for engine in chosen]
    return Evaluation(package=package, suites=suites, recorded=recorded, runs=tuple(runs))


async def probe_package(
    settings: Settings, home: Home, name: str, engine: str, plan: Plan, progress: Progress
) -> tuple[Probe, ...]:
    """Replay the questions of a package's suites on an engine, by its own profile and by the deterministic one.

    Raises: as `evaluate_package`.
    """
    wanted = trial_engine(settings, engine or default_engine(settings, name))
    package = verify_package(settings, home, name, progress)
    chosen = wanted.advised(package)
    questions = {f"{suite.name} {case.id}": case.question() for suite in suites_of(package) for case in suite.cases}
    borders: tuple[Border, ...] = ()
    probes = []
    for profile in profiles_of(chosen):
        changed = profile.of(chosen)
        async with on_trial(home, changed, package, progress) as trial:
            fields = trial.endpoint.deterministic_fields if profile.deterministic else {}
            answer = EngineAnswerer(trial, fields=fields)
            borders = borders or await _borders(answer, questions, plan, progress)
            repeats = await _repeats(answer, borders, plan, changed.name, progress)
        margins = {border.id: border.margin for border in borders}
        probes.append(Probe(profile=profile.name, build=trial.build, margins=margins, repeats=repeats))
    return tuple(probes)


def profiles_of(engine: TrialEngine) -> tuple[Profile, ...]:
    """By which it is probed; of a server that others started, only what it does now can be said."""
    return _PROFILES[:1] if engine.settings.url else _PROFILES


async def _borders(
    answer: EngineAnswerer, questions: Mapping[str, Question], plan: Plan, progress: Progress
) -> tuple[Border, ...]:
    with step(progress, "Looking for questions whose answer is nearly another one", len(questions)):
        return await nearest(questions, answer, plan, _telling(progress))


async def _repeats(
    answer: EngineAnswerer, borders: Sequence[Border], plan: Plan, name: str, progress: Progress
) -> tuple[Repeats, ...]:
    with step(progress, f"Replaying on {name}", len(CONDITIONS) * plan.replays):
        return await probe(borders, answer, plan, Random(0), _telling(progress))  # noqa: S311 no secret


async def _run(
    home: Home,
    engine: TrialEngine,
    package: StoredPackage,
    suites: Sequence[Suite],
    referee: ProcessReferee,
    progress: Progress,
) -> EngineRun:
    started = time.monotonic()
    async with on_trial(home, engine, package, progress) as trial:
        seconds = time.monotonic() - started
        answer = EngineAnswerer(trial, render=True)
        judged = {}
        for suite in suites:
            with step(progress, f"{suite.name} on {engine.name}", len(suite.cases)):
                judged[suite.name] = await run(suite, answer, referee, _telling(progress))
    return EngineRun(build=trial.build, seconds=seconds, judged=judged)


def _distinct(settings: Settings, written: Sequence[str]) -> tuple[TrialEngine, ...]:
    chosen = tuple(trial_engine(settings, one) for one in written)
    if len({one.name for one in chosen}) != len(chosen):
        raise ConfigError(
            "an engine is named twice",
            code="engine_option_invalid",
            hint="name each engine and precision once, such as --engine vllm:float32 --engine vllm:bfloat16",
        )
    return chosen


def _telling(progress: Progress) -> Told:
    return lambda done, of: progress.advance(done)
