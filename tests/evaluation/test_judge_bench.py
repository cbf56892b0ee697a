"""Draws from recordings: what is counted, on made-up judges and on those that were published."""

import os
from pathlib import Path

import msgspec
import pytest

from homeport.evaluation.judge_bench import Result, measure, measure_all, targets, unmeasured
from homeport.evaluation.judge_recordings import Task, read_tasks
from homeport.stats.agreement import UNUSABLE, USABLE
from tests.evaluation.judge_files import battles, verdicts

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data") / "judge"
published = pytest.mark.skipif(not DATA.exists(), reason="the published recordings are not here")


def measured(task: Task, labels: int = 60, draws: int = 2_000, seed: int = 0, pool: int = 1_000) -> Result:
    return measure(task, labels=(labels,), pool=pool, draws=draws, seed=seed)


def test_a_judge_that_knows_narrows_and_one_that_does_not_is_no_harm(tmp_path: Path) -> None:
    path = battles(tmp_path / "battles.csv", {"good": 0.85, "bad": 0.0})
    good, bad = (measured(task) for task in read_tasks(path))
    assert good.truth == bad.truth == pytest.approx(0.4, abs=0.06)
    for one in (good, bad):
        (cell,) = one.cells
        assert 0.93 <= cell.corrected.coverage <= 0.97
        assert cell.is_covered
        assert cell.is_narrow
    assert good.cells[0].corrected.width < 0.65 * good.cells[0].human_only.width
    assert bad.cells[0].corrected.width > 0.97 * bad.cells[0].human_only.width
    assert bad.cells[0].judge_only.coverage < 0.5
    assert (good.cells[0].verdict, bad.cells[0].verdict) == (USABLE, UNUSABLE)
    assert all(target.met for target in targets([good, bad]))


def test_a_judge_that_sees_both_orders(tmp_path: Path) -> None:
    (task,) = read_tasks(verdicts(tmp_path / "verdicts.csv", {"j": 0.7}))
    found = measured(task)
    assert set(task.scores) == {0.0, 0.5, 1.0}
    assert found.judge_mean == pytest.approx(sum(task.scores) / 120)
    assert found.cells[0].tuning > 0.8
    assert found.cells[0].is_covered


def test_the_same_seed_draws_the_same_and_another_one_not(tmp_path: Path) -> None:
    (task,) = read_tasks(battles(tmp_path / "battles.csv", {"j": 0.5}))
    assert measured(task, seed=4) == measured(task, seed=4) != measured(task, seed=5)


def test_a_judge_of_many_scores_is_drawn_in_parts(tmp_path: Path) -> None:
    (task,) = read_tasks(battles(tmp_path / "battles.csv", {"j": 0.9}, rows=1_200))
    fine = tuple(0.8 * score + place / 12_000 for place, score in enumerate(task.scores))
    (cell,) = measured(msgspec.structs.replace(task, scores=fine)).cells
    assert cell.is_covered
    assert cell.corrected.width < 0.6 * cell.human_only.width


@pytest.mark.parametrize(
    ("coverage", "draws", "missed", "chance"),
    [(0.97, 10_000, 0, 0), (0.972, 10_000, 0, 1), (0.972, 100_000, 1, 0), (0.975, 10_000, 1, 0), (0.924, 10_000, 1, 0)],
)
def test_chance_is_told_from_a_miss(tmp_path: Path, coverage: float, draws: int, missed: int, chance: int) -> None:
    result = measured(read_tasks(battles(tmp_path / "battles.csv", {"j": 0.9}))[0])
    cell = msgspec.structs.replace(
        result.cells[0], draws=draws, corrected=msgspec.structs.replace(result.cells[0].corrected, coverage=coverage)
    )
    covered, *_ = targets([msgspec.structs.replace(result, cells=(cell,))])
    assert (len(covered.missed), len(covered.chance), covered.met) == (missed, chance, not missed)


def test_what_is_missed_is_named(tmp_path: Path) -> None:
    result = measured(read_tasks(battles(tmp_path / "battles.csv", {"j": 0.0}))[0])
    (cell,) = result.cells
    worse = msgspec.structs.replace(
        cell,
        corrected=msgspec.structs.replace(cell.corrected, coverage=0.91, width=cell.human_only.width * 1.01),
        unusable=0.3,
        verdict=USABLE,
    )
    covered, narrow, said, unsaid = targets([msgspec.structs.replace(result, cells=(worse,))])
    assert (covered.missed, covered.worst, covered.met) == (("battles j, 60 labels",), 0.91, False)
    assert narrow.worst == pytest.approx(1.01)
    assert (narrow.met, said.met, said.missed) == (False, False, ("battles j",))
    assert (unsaid.cells, unsaid.worst, unsaid.met) == (0, None, True)


@pytest.mark.parametrize(
    ("human", "why"), [((1.0, 0.0) * 24, "48 rows are labelled, 50 are needed"), ((1.0,) * 60, "people say the same")]
)
def test_what_cannot_be_measured(human: tuple[float, ...], why: str) -> None:
    task = Task(file="f", dataset="d", judge="j", prompting="", human=human, scores=human, unlabelled=0, unsaid=0)
    assert why in unmeasured(task)


def test_progress_is_told(tmp_path: Path) -> None:
    tasks = read_tasks(battles(tmp_path / "battles.csv", {"j": 0.5, "k": 0.5}))
    told: list[tuple[int, int]] = []
    measure_all(tasks, labels=(20,), pool=50, draws=1_000, seed=0, told=lambda *done: told.append(done))
    assert told == [(0, 2), (1, 2)]


@published
def test_the_published_battles() -> None:
    """877 battles: a judge that agrees with people in 56 of 100 saves nothing, misleads, and is called unusable."""
    found = {
        task.judge: measured(task, labels=40, draws=4_000) for task in read_tasks(DATA / "arena_human_vs_judges.csv")
    }
    judge = found["gpt-5.2"]
    assert (judge.rows, judge.unsaid) == (877, 1)
    assert judge.whole.agreement
    assert judge.whole.agreement.value == pytest.approx(0.56, abs=0.005)
    assert judge.whole.kappa
    assert judge.whole.kappa.value == pytest.approx(0.13, abs=0.01)
    for one in found.values():
        (cell,) = one.cells
        assert cell.is_covered
        assert cell.is_narrow
        assert cell.judge_only.coverage < 0.05
        assert cell.verdict == UNUSABLE


@published
def test_the_published_verdicts() -> None:
    """LLMBar: GPT-4 on natural instructions saves labels; ChatGPT on adversarial ones contradicts people."""
    tasks = {task.name: task for task in read_tasks(DATA / "llmbar_judgements.csv.gz")}
    good = measured(tasks["LLMBar/Natural GPT-4 Vanilla"])
    assert good.rows == 100
    assert good.cells[0].is_covered
    assert good.cells[0].corrected.width < 0.6 * good.cells[0].human_only.width
    contrary = measured(tasks["LLMBar/Adversarial ChatGPT Vanilla"])
    assert contrary.whole.correlation
    assert contrary.whole.correlation.high < 0
    assert contrary.cells[0].corrected == contrary.cells[0].human_only
    assert contrary.cells[0].unusable > 0.95
