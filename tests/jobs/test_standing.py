"""How it stands is left for pages soon after a label, and every few minutes, of few outputs and of very many."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from homeport.jobs.standing import Bounds, Standing, compute
from homeport.storage.standing_quality import read_standing
from tests.storage.reviewed import MINUTE, NOW, add_epoch, add_judgements, add_labels, add_outputs, output

BOUNDS = Bounds(period_ns=10**13)


def fill(engine: Engine, count: int = 60) -> None:
    golden = 0.6180339887498949
    draws = [0.15 * (number * golden % 1.0) for number in range(count)]
    add_outputs(engine, *(output(f"r{n}", draw=draw, for_human=draw < 0.07) for n, draw in enumerate(draws)))
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {f"r{n}": 0.9 if n % 3 else 0.4 for n in range(count)})
    people = [n for n, draw in enumerate(draws) if draw < 0.07]
    add_labels(engine, "ann", {f"r{n}": 5 if n % 3 else 2 for n in people})


def test_it_is_left_after_a_label_and_after_a_while(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    standing = Standing(engine, tmp_path / "standing.json", BOUNDS)
    assert standing.work(NOW)
    first = read_standing(tmp_path / "standing.json", NOW)
    assert first is not None
    assert not standing.work(NOW + 1)
    add_labels(engine, "bob", {"r0": 4})
    assert standing.work(NOW + 2)
    second = read_standing(tmp_path / "standing.json", NOW + 2)
    assert second is not None
    assert (first.rows[0].doubled, second.rows[0].doubled) == (0, 1)
    assert [one.reviewer for one in second.reviewers] == ["ann", "bob"]
    assert not standing.work(NOW + MINUTE)
    assert standing.work(NOW + 4 * MINUTE)
    assert read_standing(tmp_path / "standing.json", NOW + 20 * MINUTE) is None, "it is stale then"


def test_of_very_many_it_is_nearly_the_same(engine: Engine) -> None:
    fill(engine, 400)
    whole, part = (
        compute(engine, BOUNDS, NOW).rows[0],
        compute(engine, Bounds(period_ns=10**13, most_rows=200), NOW).rows[0],
    )
    assert (whole.outputs, whole.judged, whole.labelled) == (400, 400, part.labelled)
    assert part.judged < 350
    for one in (whole, part):
        assert one.corrected is not None
        assert one.human is not None
        assert one.judge is not None
        assert one.judge.value == pytest.approx(0.9 * 2 / 3 + 0.4 / 3, abs=0.04)
    assert part.human == whole.human


def test_of_nothing_nothing_is_said(engine: Engine) -> None:
    [row] = compute(engine, BOUNDS, NOW).rows
    assert (row.outputs, row.human, row.judge, row.corrected) == (0, None, None, None)
