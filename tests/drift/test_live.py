"""Batches that are asked of a model that is there, and what is said of them: the very words of a replay."""

from pathlib import Path

import pytest

from homeport.core.errors import HomeportError
from homeport.drift.baselines import Archive, Baseline, archive_of, iso, nanoseconds
from homeport.drift.border import Probe
from homeport.drift.candidates import candidates
from homeport.drift.live import ask_due, ask_now, close, judged, latest_batch, open_batch, plan
from homeport.drift.replay import replay
from homeport.drift.search import Method
from tests.fakes.undecided import UndecidedModel

NOW = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9


def baseline(model: UndecidedModel, method: Method = Method.EDITS, repeats: int = 1) -> Baseline:
    """Those of many prompts on which the model is least decided."""
    nearest = sorted(candidates(2_000, 1), key=lambda prompt: abs(model.margin(prompt)))[:20]
    probes = tuple(Probe(name=f"p{number}", prompt=prompt) for number, prompt in enumerate(nearest))
    return Baseline(
        name="m", made_at=NOW, method=method, steady=True, probes=probes, repeats=repeats, seed="s", batch_tokens=200
    )


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return archive_of(tmp_path, "m")


async def ask(archive: Archive, made: Baseline, model: UndecidedModel, first: int, batches: int) -> None:
    for number in range(first, first + batches):
        await ask_now(archive, made, model, iso(NOW + number * DAY), lambda done, of: None)


@pytest.mark.parametrize("method", [Method.LOGPROBS, Method.EDITS])
async def test_a_swap_is_noticed_within_three_batches_and_nothing_before_it(archive: Archive, method: Method) -> None:
    model = UndecidedModel("a")
    made = baseline(model, method)
    archive.begin(made)
    await ask(archive, made, model, 0, 40)
    told = judged(archive)
    assert told is not None
    assert told["alarms"] == []
    await ask(archive, made, UndecidedModel("b", moved=0.2), 40, 3)
    told = judged(archive)
    assert told is not None
    [alarm] = told["alarms"]
    assert nanoseconds(alarm["batch"]) <= NOW + 42 * DAY
    assert alarm["since"] == iso(NOW + 40 * DAY)
    assert told == replay(archive.answers), "a live audit says what the replay of its recording says"


async def test_log_probabilities_are_asked_for_only_where_they_are_compared(archive: Archive) -> None:
    model = UndecidedModel()
    archive.begin(made := baseline(model))
    await ask(archive, made, model, 0, 1)
    assert not any(question.sure for question in model.asked)
    assert all(not line.logprobs for line in archive.rows(archive.answers))


async def test_what_was_not_answered_is_left_out_and_nothing_at_all_is_an_error(archive: Archive) -> None:
    model = UndecidedModel()
    archive.begin(made := baseline(model))
    model.down = True
    with pytest.raises(HomeportError, match="it is down") as caught:
        await ask(archive, made, model, 0, 1)
    assert caught.value.code == "probes_unanswered"
    assert judged(archive) is None
    assert latest_batch(archive) == ""


def test_a_plan_is_spread_over_its_period_and_the_same_each_time() -> None:
    made = baseline(UndecidedModel(), repeats=10)
    due = plan(made, NOW, DAY)
    assert due == plan(made, NOW, DAY)
    assert [one.at for one in due] == sorted(one.at for one in due)
    assert NOW <= due[0].at < NOW + DAY / 10
    assert NOW + DAY * 9 / 10 < due[-1].at < NOW + DAY
    assert sorted(one.probe.name for one in due) == sorted(probe.name for probe in made.probes for _ in range(10))
    other = plan(made, NOW + DAY, DAY)
    assert [one.at - DAY for one in other] != [one.at for one in due]
    assert [one.probe for one in other] != [one.probe for one in due]


async def test_a_batch_goes_on_where_it_was_and_is_closed_once(archive: Archive) -> None:
    model = UndecidedModel()
    archive.begin(made := baseline(model))
    due, batch = plan(made, NOW, DAY), iso(NOW)
    half = due[9].at
    assert await ask_due(archive, made, model, due, batch, half) == 10
    assert await ask_due(archive, made, model, due, batch, half) == 0
    assert (open_batch(archive), latest_batch(archive)) == (batch, "")
    model.down = True
    assert await ask_due(archive, made, model, due, batch, due[11].at) == 2
    model.down = False
    assert await ask_due(archive, made, model, due, batch, NOW + DAY) == 8
    assert close(archive, batch) == 18, "what was not answered is left out"
    assert close(archive, batch) == 0
    assert (open_batch(archive), latest_batch(archive)) == ("", batch)
    asked = [question.prompt for question in model.asked]
    assert asked == [one.probe.prompt for one in due], "each once, in the order of the plan"
