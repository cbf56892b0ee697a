"""Results of a suite on an engine: what is recorded in a package, and how a new run compares with it."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.errors import PackageError
from homeport.evaluation.suites import MAX_CASES, PRINTED, Judged, Suite
from homeport.packages.base import FileRole, StoredPackage
from homeport.stats.proportions import wilson

MAX_RESULTS_BYTES = 16 << 20
_SUFFIX = ".json"
_Text = Annotated[str, Meta(max_length=256, pattern=PRINTED)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many of so many, and the 95 % interval of the share (Wilson's)."""

    hits: Annotated[int, Meta(ge=0)]
    of: Annotated[int, Meta(ge=0)]
    low: _Share
    high: _Share

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What answered.

    Attributes:
        name: as it was asked for, such as "vllm:bfloat16".
        engine: the adapter.
        build: the library that computed and its version; "" where that is not known.
        precision: of the numbers it computed with, such as "bfloat16"; "" where the weights alone decide.
        profile: digest of the engine's options.
    """

    name: _Text
    engine: _Text = ""
    build: _Text = ""
    precision: _Text = ""
    profile: _Text = ""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """A case: sha256 of the answer's text, and whether it passed."""

    id: _Text
    answer: _Text
    passed: bool


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a suite."""

    build: Build
    score: Share
    cases: Annotated[tuple[CaseResult, ...], Meta(max_length=MAX_CASES)]


class Results(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of results, beside the suite it was made with.

    Attributes:
        suite: digest of the suite.
        bound: the least score the package promises; None for the lower end of the recorded score's interval.
    """

    suite: _Text
    runs: Annotated[tuple[Recorded, ...], Meta(max_length=64)] = ()
    bound: _Share | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A new run beside a recorded one.

    Attributes:
        with_: which one.
        verdicts: cases that are judged as then.
        answers: cases with the same answer, letter by letter.
        worse: ids of cases that passed then, and do not now.
        better: the other way round.
    """

    with_: Build = msgspec.field(name="with")
    verdicts: Share
    answers: Share
    worse: tuple[str, ...]
    better: tuple[str, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A suite on an engine.

    Attributes:
        bound: the least score; None where the package promises none.
        recorded: None where the package has no results of this suite.
    """

    suite: str
    run: Recorded
    bound: float | None
    recorded: Comparison | None

    @property
    def met(self) -> bool:
        return self.bound is None or self.run.score.value >= self.bound


def share_of(flags: Sequence[bool]) -> Share:
    """How many are true, with the interval."""
    hits, of = sum(flags), len(flags)
    low, high = wilson(hits, of)
    return Share(hits=hits, of=of, low=low, high=high)


def answer_digest(text: str) -> str:
    """By which answers are compared without being kept; lone surrogates count as what they are."""
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def record(build: Build, judged: Sequence[Judged]) -> Recorded:
    """What is kept of a run: no answer, only its digest."""
    cases = tuple(
        CaseResult(id=one.case.id, answer=answer_digest(one.answer.text), passed=one.verdict.passed) for one in judged
    )
    return Recorded(build=build, score=share_of([case.passed for case in cases]), cases=cases)


def results_of(package: StoredPackage) -> tuple[Results, ...]:
    """What a package recorded.

    Raises:
        PackageError: results_invalid.
    """
    files = [file for file in package.find(FileRole.SUITE) if file.filepath.endswith(_SUFFIX)]
    found = []
    for file in files:
        with file.path.open("rb") as opened:
            found.append(parse_results(opened.read(MAX_RESULTS_BYTES + 1), file.filepath))
    return tuple(found)


def parse_results(data: bytes, name: str) -> Results:
    """A file of results.

    Raises:
        PackageError: results_invalid.
    """
    if len(data) > MAX_RESULTS_BYTES:
        raise _invalid(name, f"it is larger than {MAX_RESULTS_BYTES >> 20} MiB")
    try:
        return msgspec.json.decode(data, type=Results)
    except RecursionError:
        raise _invalid(name, "it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _invalid(name, str(error)) from None


def beside_the_first(results: Results) -> Iterator[tuple[Recorded, int | None]]:
    """Each recorded run, with how many of its answers are those of the first one; None for the first itself."""
    first = {case.id: case.answer for case in results.runs[0].cases} if results.runs else {}
    for place, run in enumerate(results.runs):
        yield run, sum(first.get(case.id) == case.answer for case in run.cases) if place else None


def compare(suite: Suite, run: Recorded, recorded: Sequence[Results]) -> Outcome:
    """A run beside what the package recorded with the same suite: on the same engine, or else on its first."""
    own = [results for results in recorded if results.suite == suite.digest]
    runs = [before for results in own for before in results.runs]
    bound = next((results.bound for results in own if results.bound is not None), None)
    if not runs:
        return Outcome(suite=suite.name, run=run, bound=bound, recorded=None)
    before = min(runs, key=lambda other: _distance(run.build, other.build))
    bound = before.score.low if bound is None else bound
    return Outcome(suite=suite.name, run=run, bound=bound, recorded=_compared(run, before))


def results_file(suite: Suite, runs: Sequence[Recorded], recorded: Sequence[Results]) -> Results:
    """What to put beside a suite: these runs, with the bound that was promised before."""
    bound = next((one.bound for one in recorded if one.suite == suite.digest and one.bound is not None), None)
    return Results(suite=suite.digest, runs=tuple(runs), bound=bound)


def _distance(build: Build, other: Build) -> int:
    """0 for the same engine and precision; Python's `min` takes the first of equals."""
    return 2 * (build.engine != other.engine) + (build.precision != other.precision)


def _compared(run: Recorded, before: Recorded) -> Comparison:
    then = {case.id: case for case in before.cases}
    pairs = [(case, then[case.id]) for case in run.cases if case.id in then]
    return Comparison(
        with_=before.build,
        verdicts=share_of([now.passed == was.passed for now, was in pairs]),
        answers=share_of([now.answer == was.answer for now, was in pairs]),
        worse=tuple(now.id for now, was in pairs if was.passed and not now.passed),
        better=tuple(now.id for now, was in pairs if now.passed and not was.passed),
    )


def _invalid(name: str, what: str) -> PackageError:
    return PackageError(
        f"the results {name} cannot be used: {what}"[:400],
        code="results_invalid",
        hint="make them again: homeport package eval NAME --save FILE",
    )
