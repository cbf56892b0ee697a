"""Two runs side by side: paired by case, clustered by case, and refused where they are of different things."""

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.comparison import check_comparable, compare, paired_scores, summary
from homeport.evaluation.runs import Answered, Run
from tests.fakes.runs import answered, head, run_of


def test_by_hand() -> None:
    a = run_of([1.0] * 6 + [0.0] * 4)
    b = run_of([0.0] * 2 + [1.0] * 4 + [1.0] + [0.0] * 3, "b.jsonl")
    found = compare(a, b)
    assert (found.pairs, found.left_out) == (10, 0)
    assert found.difference.value == pytest.approx(-0.1)
    assert found.difference.low < -0.1 < found.difference.high
    assert found.discordant is not None
    assert (found.discordant.lost, found.discordant.won) == (2, 1)
    assert found.discordant.p == pytest.approx(1)
    assert [change.case for change in found.worse] == ["case 0", "case 1"]
    assert [change.case for change in found.better] == ["case 6"]
    assert (found.a.score.value, found.b.score.value) == pytest.approx((0.6, 0.5))


def test_another_dataset_is_refused() -> None:
    a = run_of([1.0])
    for other in (run_of([1.0], digest="sha256:1"), run_of([1.0, 1.0])):
        with pytest.raises(ConfigError) as caught:
            compare(a, other)
        assert caught.value.code == "eval_datasets_differ"
    with pytest.raises(ConfigError) as caught:
        check_comparable(a, run_of([1.0], scorer="exact"))
    assert caught.value.code == "eval_scorers_differ"


def test_cases_that_one_did_not_answer_are_left_out_or_count_as_said() -> None:
    a, b = run_of([1.0, 1.0, 0.0]), run_of([1.0, None, 1.0])
    assert (compare(a, b).pairs, compare(a, b).left_out) == (2, 1)
    assert paired_scores(a, b, missing_as=0.0) == ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    nobody = Run(name="n", head=head(3), answers=a.answers[:1])
    assert paired_scores(nobody, nobody, missing_as=0.0) == ((1.0, 1.0), (0.0, 0.0), (0.0, 0.0))
    with pytest.raises(ConfigError) as caught:
        compare(run_of([None, 1.0]), run_of([1.0, None]))
    assert caught.value.code == "eval_run_incomplete"


def test_several_answers_to_a_case_are_one_pair() -> None:
    def run(scores: list[tuple[float, float]]) -> Run:
        rows = [answered(str(n), score, epoch) for n, pair in enumerate(scores) for epoch, score in enumerate(pair)]
        return Run(name="r", head=head(len(scores), epochs=2), answers=tuple(rows))

    a, b = run([(1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]), run([(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)])
    assert paired_scores(a, b) == ((0.5, 1.0), (1.0, 0.5), (0.0, 0.0))
    found = compare(a, b)
    assert (found.pairs, found.discordant, found.difference.value) == (3, None, 0.0)
    assert [(change.case, change.before, change.after) for change in found.worse] == [("1", 1.0, 0.5)]


def test_a_run_by_itself() -> None:
    rows = [
        answered("a", 1.0, cost_nanodollars=10, latency_ms=5.0),
        answered("b", 0.0, cost_nanodollars=30, latency_ms=50.0),
        answered("c", None),
    ]
    found = summary(Run(name="r", head=head(4), answers=tuple(rows)))
    assert (found.cases, found.answers, found.missing) == (2, 2, 2)
    assert (found.cost_nanodollars, found.cost_per_answer_nanodollars) == (40, 20)
    assert (found.latency_p50_ms, found.latency_p95_ms) == (50.0, 50.0)


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    rows: list[Answered] = [answered("a", 1.0, cost_nanodollars=10), answered("b", 1.0)]
    found = summary(Run(name="r", head=head(2), answers=tuple(rows)))
    assert (found.cost_nanodollars, found.unpriced, found.cost_per_answer_nanodollars) == (None, 1, 10)
    assert found.latency_p50_ms is None
