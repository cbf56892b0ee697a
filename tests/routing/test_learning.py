"""A router fitted from ratings: when it decides, and when it does not."""

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from homeport.core.errors import ConfigError
from homeport.core.routing import Prompt, Turn
from homeport.routing.gap import gap_model
from homeport.routing.learning import MARGIN, relearn, usable
from homeport.routing.rows import Row, Rows
from homeport.routing.traces import trace
from homeport.routing.versions import GAP, Versions
from homeport.storage.feedback import Label

LADDER = ("local", "mid", "top")
EASY = ("name the capital of", "spell the word", "say hello to")
OBJECTS = ("alpha", "beta", "gamma", "delta")
HARD = ("prove the theorem about", "derive the integral of", "refactor the parser of")


def prompt(dice: random.Random, *, hard: bool) -> str:
    """As long as any other, whether hard or not."""
    what = dice.choice(HARD if hard else EASY)
    return f"{what} {dice.choice(OBJECTS)} {dice.randint(1, 99)}{' please' * dice.randint(0, 3)}"


def label(number: int, text: str, tier: str, score: float, propensity: float) -> Label:
    return Label(
        request_id=f"r{number}",
        started_at=number,
        tier=tier,
        decided=tier,
        propensity=propensity,
        explored=propensity < 0.5,
        escalated=False,
        router_score=0.0,
        features=trace(Prompt(turns=(Turn("user", text),))),
        score=score,
    )


def rated(count: int, *, explore: float, seed: int = 1) -> list[Label]:
    """A router that knows nothing: it goes by chance; the local tier answers easy requests well and hard ones badly."""
    dice, found = random.Random(seed), []
    for number in range(count):
        hard, home = dice.random() < 0.5, number % 2 == 0
        explored = dice.random() < explore
        tier = "local" if home != explored else "top"
        good = dice.random() < (0.9 if tier == "top" or not hard else 0.15)
        propensity = (explore if explored else 1 - explore) if explore else 1.0
        found.append(label(number, prompt(dice, hard=hard), tier, 1.0 if good else -1.0, propensity))
    return found


def recorded(*, upside_down: bool = False, count: int = 200) -> Rows:
    dice, rows = random.Random(9), []
    for number in range(count):
        hard = number % 2 == 0
        gains = hard != upside_down
        rows.append(Row(prompt=prompt(dice, hard=hard), quality=(0.0 if gains else 1.0, 1.0)))
    return Rows(models=("weak", "strong"), rows=tuple(rows))


def kept(folder: Path) -> Versions:
    return Versions(folder / "router", lambda: 1)


def test_what_was_said_makes_a_better_router(tmp_path: Path) -> None:
    found = relearn(kept(tmp_path), rated(500, explore=0.3), LADDER, benchmark=recorded())
    assert found.against == ()
    assert found.promoted
    assert found.lift is not None
    assert found.lift.low > 0.05
    assert found.benchmark is not None
    assert found.benchmark.low > 0
    versions = kept(tmp_path)
    assert versions.current().number == found.version.number == 1
    model = gap_model(versions.read(versions.current(), GAP))
    assert model.score_text(prompt(random.Random(2), hard=True)).score > model.score_text(EASY[0]).score
    assert set(model.chances(0.0)) == {"local", "top"}


def test_a_benchmark_that_says_no_is_obeyed(tmp_path: Path) -> None:
    found = relearn(kept(tmp_path), rated(240, explore=0.3), LADDER, benchmark=recorded(upside_down=True))
    assert not found.promoted
    assert len(found.against) == 1
    assert "benchmark" in found.against[0]
    assert kept(tmp_path).current().number == 0
    assert kept(tmp_path).find(1).note.endswith("; a candidate")


def test_without_exploration_nobody_knows_and_it_says_what_is_needed(tmp_path: Path) -> None:
    found = relearn(kept(tmp_path), rated(240, explore=0.0), LADDER, benchmark=None)
    assert not found.promoted
    assert found.lift is None
    explored, benchmark = found.against
    assert "0 rated requests were explored" in explored
    assert "about 30 are needed" in explored
    assert "--benchmark" in benchmark


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "0 ratings"),
        (rated(150, explore=0.3), "150 ratings"),
        ([one for one in rated(700, explore=0.0) if one.tier == "top"], "top: 350"),
        ([msgspec.structs.replace(one, features=b"") for one in rated(400, explore=0.3)], "0 ratings"),
    ],
    ids=["none", "few", "one tier", "no traces"],
)
def test_too_few_ratings_are_refused_with_the_number_that_is_needed(
    tmp_path: Path, labels: Sequence[Label], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        relearn(kept(tmp_path), labels, LADDER, benchmark=recorded())
    assert refused.value.code == "labels_too_few"
    assert "200" in refused.value.hint
    assert kept(tmp_path).every()[1:] == ()


def test_a_dear_tier_that_is_not_better_is_told(tmp_path: Path) -> None:
    worse = [msgspec.structs.replace(one, score=-1.0 if one.tier == "top" else 1.0) for one in rated(400, explore=0.3)]
    with pytest.raises(ConfigError) as refused:
        relearn(kept(tmp_path), worse, LADDER, benchmark=recorded())
    assert refused.value.code == "labels_without_gap"


def test_only_answers_that_a_decision_led_to_are_used() -> None:
    [one] = rated(1, explore=0.0)
    other_tier = msgspec.structs.replace(one, tier="mid")
    assert usable([other_tier], LADDER) == []
    escalated = msgspec.structs.replace(other_tier, escalated=True)
    [found] = usable([escalated], LADDER)
    assert (found.decided, found.answered) == ("local", False)
    gone = msgspec.structs.replace(one, tier="gone", decided="gone")
    assert usable([gone], LADDER) == []
    assert MARGIN < 0.05
