"""Two runs on the same cases: the difference of their scores with an interval, what got worse, cost and latency.

Cases are paired: each is asked of both, so that hard and easy cases do not count as difference. Where a case was asked
several times, its scores are averaged first: cases are what was drawn, so they are the clusters.
"""

from collections.abc import Sequence

import msgspec

from homeport.core.errors import ConfigError
from homeport.evaluation.runs import Answered, Run, by_case, score_of
from homeport.stats.paired import Interval, difference, mcnemar, mean_interval, pairs_of

_TAIL = 0.95


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A case whose score is another. The answers are those of the first epoch that differs in score, or the first."""

    case: str
    before: float
    after: float
    answer_before: str
    answer_after: str
    why: str


class Discordant(msgspec.Struct, frozen=True, kw_only=True):
    """Cases that are right in one run alone, and how likely so uneven a split is by chance (McNemar's, exact)."""

    lost: int
    won: int
    p: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run by itself.

    Attributes:
        score: its mean, with the 95 % interval.
        answers: how many have a score; `missing`, how many should have one and have none.
        cost_nanodollars: of all answers; None where of one nobody knows.
        unpriced: answers whose cost nobody knows.
        cost_per_answer_nanodollars: of those whose cost is known; None where there is none.
        latency_p50_ms, latency_p95_ms: None where none was measured.
        judge_cost_nanodollars: of grading them, as far as it is known; None where no judge was asked.
    """

    name: str
    route: str
    prompt: str
    score: Interval
    cases: int
    answers: int
    missing: int
    cost_nanodollars: int | None
    unpriced: int
    cost_per_answer_nanodollars: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    judge_cost_nanodollars: int | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs.

    Attributes:
        pairs: cases that both answered as often as they should.
        left_out: cases that one of them did not.
        difference: how much more b scores, with the 95 % interval.
        discordant: None where scores are more than right and wrong.
        worse, better: the greatest changes first.
    """

    a: Summary
    b: Summary
    dataset: str
    digest: str
    pairs: int
    left_out: int
    difference: Interval
    discordant: Discordant | None
    worse: tuple[Change, ...]
    better: tuple[Change, ...]


def check_comparable(a: Run, b: Run) -> None:
    """Raises ConfigError: eval_datasets_differ, eval_scorers_differ."""
    if (a.head.digest, a.head.cases) != (b.head.digest, b.head.cases):
        raise ConfigError(
            f"{a.name} and {b.name} are runs of different datasets: {a.head.dataset} ({a.head.digest[:19]}) "
            f"and {b.head.dataset} ({b.head.digest[:19]})",
            code="eval_datasets_differ",
            hint="run both on the same dataset: homeport eval run DATASET --model NAME",
        )
    if a.head.scorer != b.head.scorer:
        raise ConfigError(
            f"{a.name} is scored by {a.head.scorer}, {b.name} by {b.head.scorer}",
            code="eval_scorers_differ",
            hint="score one again without asking again: homeport eval run DATASET --answers FILE --score NAME",
        )


def paired_scores(a: Run, b: Run, *, missing_as: float | None = None) -> tuple[tuple[float, float], ...]:
    """The scores of each case in both runs.

    Args:
        missing_as: what counts for an answer that is not there; None to leave such cases out.
    """
    ours, theirs = by_case(a.answers), by_case(b.answers)
    if missing_as is None:
        whole = [case for case in ours if _is_whole(a, ours[case]) and _is_whole(b, theirs.get(case, []))]
        return tuple((score_of(ours[case]), score_of(theirs[case])) for case in whole)
    cases = dict.fromkeys((*ours, *theirs))
    known = [
        (_padded(a, ours.get(case, []), missing_as), _padded(b, theirs.get(case, []), missing_as)) for case in cases
    ]
    nobodys = [(missing_as, missing_as)] * (a.head.cases - len(cases))
    return (*known, *nobodys)


def compare(a: Run, b: Run) -> Compared:
    """Put two runs side by side.

    Raises:
        ConfigError: as `check_comparable`; eval_run_incomplete, no case was answered by both.
    """
    check_comparable(a, b)
    scores = paired_scores(a, b)
    if not scores:
        raise ConfigError(
            f"no case was answered in both {a.name} and {b.name}",
            code="eval_run_incomplete",
            hint="run homeport eval run again with the same --out: it goes on where it ended",
        )
    changes = _changes(a, b)
    return Compared(
        a=summary(a),
        b=summary(b),
        dataset=a.head.dataset,
        digest=a.head.digest,
        pairs=len(scores),
        left_out=a.head.cases - len(scores),
        difference=difference(pairs_of(scores)),
        discordant=_discordant(scores),
        worse=tuple(sorted((one for one in changes if one.after < one.before), key=lambda one: one.after - one.before)),
        better=tuple(
            sorted((one for one in changes if one.after > one.before), key=lambda one: one.before - one.after)
        ),
    )


def summary(run: Run) -> Summary:
    """One run by itself."""
    cases = by_case(run.answers)
    costs = [one.cost_nanodollars for one in run.scored if one.cost_nanodollars is not None]
    latencies = sorted(one.latency_ms for one in run.scored if one.latency_ms is not None)
    unpriced = len(run.scored) - len(costs)
    judged = [one.judge.cost_nanodollars or 0 for one in run.answers if one.judge is not None]
    return Summary(
        name=run.name,
        route=run.head.route,
        prompt=run.head.prompt,
        score=mean_interval(map(score_of, cases.values())),
        cases=len(cases),
        answers=len(run.scored),
        missing=run.missing,
        cost_nanodollars=None if unpriced else sum(costs),
        unpriced=unpriced,
        cost_per_answer_nanodollars=sum(costs) / len(costs) if costs else None,
        latency_p50_ms=_percentile(latencies, 0.5),
        latency_p95_ms=_percentile(latencies, _TAIL),
        judge_cost_nanodollars=sum(judged) if judged else None,
    )


def is_binary(scores: Sequence[tuple[float, float]]) -> bool:
    """Whether every score is right or wrong."""
    return all(score in (0.0, 1.0) for pair in scores for score in pair)


def _discordant(scores: Sequence[tuple[float, float]]) -> Discordant | None:
    if not is_binary(scores):
        return None
    lost = sum(before > after for before, after in scores)
    won = sum(before < after for before, after in scores)
    return Discordant(lost=lost, won=won, p=mcnemar(lost, won))


def _changes(a: Run, b: Run) -> list[Change]:
    ours, theirs = by_case(a.answers), by_case(b.answers)
    return [
        _change(case, answers, theirs[case])
        for case, answers in ours.items()
        if _is_whole(a, answers) and _is_whole(b, theirs.get(case, []))
    ]


def _change(case: str, before: Sequence[Answered], after: Sequence[Answered]) -> Change:
    then = {one.epoch: one for one in before}
    shown = next((one for one in after if one.epoch in then and one.score != then[one.epoch].score), after[0])
    return Change(
        case=case,
        before=score_of(before),
        after=score_of(after),
        answer_before=then.get(shown.epoch, before[0]).answer,
        answer_after=shown.answer,
        why=shown.why,
    )


def _is_whole(run: Run, answers: Sequence[Answered]) -> bool:
    return len(answers) == run.head.epochs


def _padded(run: Run, answers: Sequence[Answered], missing_as: float) -> float:
    gone = run.head.epochs - len(answers)
    return (sum(one.score or 0.0 for one in answers) + gone * missing_as) / run.head.epochs


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
