"""How often intervals hold the truth, and how wide they are, where people's word on every row is known.

The labelled rows of a task are taken for the whole world: its mean is the truth. A draw is a period of traffic from
it: `pool` rows, drawn independently and with replacement, all of them judged, of which the first `labels` are
labelled. So the rows of a draw are no more than a sample of the traffic, as in production, and an interval must cover
that the world's mean is not the pool's; drawn without replacement from so few rows, too wide an interval would pass.

Of the rows that are not labelled only how many there are of each score matters: that many-sided die is thrown at once.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from homeport.evaluation.judge_recordings import LEAST_ROWS, Task
from homeport.stats.agreement import UNUSABLE, USABLE, Agreement, agree, correlate
from homeport.stats.arrays import Array, Flags
from homeport.stats.means import MeanInterval
from homeport.stats.ppi import Labelled, Pool, correct
from homeport.stats.proportions import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import Generator
    from numpy.typing import NDArray

LEAST_DRAWS = 1_000
COVERAGE = (0.93, 0.97)
"""Where the coverage of an interval of 95 % must be."""

WEAK, STRONG = 0.2, 0.6
"""Of a judge whose correlation with people is below the first, it must be said that it is unusable, where labels are
few; of one above the second it must not."""

_MOST = 2_000_000
"""Numbers of an array at a time."""


class Covered(msgspec.Struct, frozen=True):
    """Share of the draws whose interval holds the truth, and the mean width of intervals."""

    coverage: float
    width: float


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A task with so many labels.

    Attributes:
        human_only, judge_only, corrected: the estimates side by side.
        tuning: how much of the judge the corrected estimate took, on average; 0 for nothing.
        unusable: share of the draws in which the judge is said to be unusable.
        verdict: what is said in most of them.
    """

    labels: int
    pool: int
    draws: int
    human_only: Covered
    judge_only: Covered
    corrected: Covered
    tuning: float
    unusable: float
    verdict: str

    @property
    def is_within(self) -> bool:
        return COVERAGE[0] <= self.corrected.coverage <= COVERAGE[1]

    @property
    def is_covered(self) -> bool:
        """Within the bounds, or outside by no more than chance moves the coverage of so many draws (95 %)."""
        low, high = wilson(round(self.corrected.coverage * self.draws), self.draws)
        return low <= COVERAGE[1] and high >= COVERAGE[0]

    @property
    def is_narrow(self) -> bool:
        return self.corrected.width <= self.human_only.width


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A judge on a dataset.

    Attributes:
        truth: what people say on average; judge_mean: what the judge says.
        whole: agreement on all rows.
    """

    name: str
    file: str
    dataset: str
    judge: str
    prompting: str
    rows: int
    unlabelled: int
    unsaid: int
    truth: float
    judge_mean: float
    whole: Agreement
    cells: tuple[Cell, ...]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold of every cell that it is about.

    Attributes:
        cells: how many it is about.
        worst: of the figure; None for no cell.
        missed: names of those that miss it.
        chance: names of those that are outside by no more than chance explains.
    """

    target: str
    cells: int
    worst: float | None
    missed: tuple[str, ...]
    chance: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return not self.missed


def unmeasured(task: Task) -> str:
    """Why a task cannot be measured, or ""."""
    if len(task.human) < LEAST_ROWS:
        return f"{len(task.human)} rows are labelled, {LEAST_ROWS} are needed"
    if len(set(task.human)) < 2:
        return "people say the same of every row"
    return ""


def measure(task: Task, *, labels: Sequence[int], pool: int, draws: int, seed: int) -> Result:
    """Draw a task so many times, with each number of labels.

    Args:
        labels: each from 10 to `pool`.
    """
    import numpy as np

    human, scores = np.array(task.human), np.array(task.scores)
    rng = np.random.default_rng([seed, zlib.crc32(task.name.encode())])
    return Result(
        name=task.name,
        file=task.file,
        dataset=task.dataset,
        judge=task.judge,
        prompting=task.prompting,
        rows=len(human),
        unlabelled=task.unlabelled,
        unsaid=task.unsaid,
        truth=float(human.mean()),
        judge_mean=float(scores.mean()),
        whole=agree(human, scores),
        cells=tuple(_cell(human, scores, count, pool, draws, rng) for count in labels),
    )


def measure_all(
    tasks: Sequence[Task],
    *,
    labels: Sequence[int],
    pool: int,
    draws: int,
    seed: int,
    told: Callable[[int, int], None],
) -> list[Result]:
    """Measure each.

    Args:
        told: is given how many are done, and of how many.
    """
    results = []
    for done, task in enumerate(tasks):
        told(done, len(tasks))
        results.append(measure(task, labels=labels, pool=pool, draws=draws, seed=seed))
    return results


def targets(results: Sequence[Result]) -> tuple[Target, ...]:
    """What the estimator promises, and whether it held."""
    cells = [(f"{one.name}, {cell.labels} labels", cell) for one in results for cell in one.cells]
    few = [(one, min(one.cells, key=lambda cell: cell.labels)) for one in results]
    return (
        Target(
            target=f"corrected coverage is within {COVERAGE[0]} and {COVERAGE[1]}",
            cells=len(cells),
            worst=max(
                (cell.corrected.coverage for _, cell in cells), key=lambda share: abs(share - 0.95), default=None
            ),
            missed=tuple(name for name, cell in cells if not cell.is_covered),
            chance=tuple(name for name, cell in cells if cell.is_covered and not cell.is_within),
        ),
        Target(
            target="corrected width is at most that of labels alone",
            cells=len(cells),
            worst=max((cell.corrected.width / cell.human_only.width for _, cell in cells), default=None),
            missed=tuple(name for name, cell in cells if not cell.is_narrow),
        ),
        _said(few, f"'{UNUSABLE}' is said of judges that correlate by less than {WEAK}, with the fewest labels", True),
        _said(few, f"'{UNUSABLE}' is not said of judges that correlate by more than {STRONG}", False),
    )


def _said(few: Sequence[tuple[Result, Cell]], target: str, wanted: bool) -> Target:
    """Whether it is said in half of the draws or more, or in fewer."""
    about = [(one, cell) for one, cell in few if (_correlation(one) < WEAK if wanted else _correlation(one) > STRONG)]
    shares = [cell.unusable for _, cell in about]
    return Target(
        target=target,
        cells=len(about),
        worst=(min(shares) if wanted else max(shares)) if shares else None,
        missed=tuple(one.name for one, cell in about if (cell.verdict == UNUSABLE) is not wanted),
    )


def _correlation(result: Result) -> float:
    """Of all rows; 0 where the judge always says the same."""
    return result.whole.correlation.value if result.whole.correlation else 0.0


class _Drawn(msgspec.Struct, frozen=True):
    """Some draws; arrays of the shape (draws,), or (3, draws) of the three estimates."""

    covered: "Flags"
    widths: "Array"
    tuning: "Array"
    unusable: "Flags"


def _cell(human: "Array", scores: "Array", labels: int, pool: int, draws: int, rng: "Generator") -> Cell:
    import numpy as np

    parts = list(_drawn(human, scores, labels, pool, draws, rng))
    coverage = np.concatenate([part.covered for part in parts], axis=1).mean(axis=1)
    width = np.concatenate([part.widths for part in parts], axis=1).mean(axis=1)
    human_only, judge_only, corrected = map(Covered, coverage.tolist(), width.tolist())
    unusable = float(np.concatenate([part.unusable for part in parts]).mean())
    return Cell(
        labels=labels,
        pool=pool,
        draws=draws,
        human_only=human_only,
        judge_only=judge_only,
        corrected=corrected,
        tuning=float(np.concatenate([part.tuning for part in parts]).mean()),
        unusable=unusable,
        verdict=UNUSABLE if unusable >= 0.5 else USABLE,
    )


def _drawn(human: "Array", scores: "Array", labels: int, pool: int, draws: int, rng: "Generator") -> Iterator[_Drawn]:
    import numpy as np

    kinds, counts = np.unique(scores, return_counts=True)
    step = max(1, _MOST // max(labels, len(kinds)))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        places = rng.integers(0, len(human), (count, labels))
        rest = rng.multinomial(pool - labels, counts / len(human), size=count)
        yield _estimated(human[places], scores[places], rest, kinds, float(human.mean()))


def _estimated(human: "Array", judge: "Array", rest: "NDArray[np.int64]", kinds: "Array", truth: float) -> _Drawn:
    """Estimates of draws whose labelled rows are `human` and `judge`, (draws, labels); `rest`, (draws, kinds), says
    how many of the other rows have each of the scores `kinds`."""
    import numpy as np

    rows = judge.shape[1] + int(rest[0].sum())
    mean = (judge.sum(axis=1) + rest @ kinds) / rows
    square = ((judge - mean[:, None]) ** 2).sum(axis=1) + (rest * (kinds - mean[:, None]) ** 2).sum(axis=1)
    pool = Pool(mean=mean, variance=square / rows**2, rows=np.full(len(mean), float(rows)))
    weights = np.ones_like(judge)
    labelled = Labelled(human=human, judge=judge, weights=weights, influence=(judge - mean[:, None]) / rows)
    found = correct(labelled, pool)
    related = correlate(human, judge, weights)
    intervals = (found.human, found.judge, found.corrected)
    return _Drawn(
        covered=np.stack([_holds(one, truth) for one in intervals]),
        widths=np.stack([one.width for one in intervals]),
        tuning=found.tuning,
        unusable=~(related.low > 0),
    )


def _holds(interval: MeanInterval, truth: float) -> "Flags":
    # Sums of ones and halves are off by rounding alone.
    holds: Flags = (interval.low <= truth + 1e-12) & (interval.high >= truth - 1e-12)
    return holds
