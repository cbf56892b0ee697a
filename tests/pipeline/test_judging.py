"""A judge is asked in the background whether two questions are the same; what it approves is answered."""

import pytest

from homeport.config.cache import CacheJudgeSettings, CacheSettings
from homeport.core.caching import Mode, Sharing, Standing
from homeport.core.errors import UpstreamError
from homeport.core.types import Completion
from tests.fakes.believing import Home, always, believe, echo, how, judged, own_entry, verdict
from tests.fakes.upstream import USAGE
from tests.fakes.wire import Caller
from tests.pipeline.test_caching import text_of, whole


@pytest.fixture(autouse=True)
def _believing(monkeypatch: pytest.MonkeyPatch) -> None:
    believe(monkeypatch)


async def forget(home: Home, caller: Caller) -> None:
    """Take out what was kept of a request."""
    assert home.house.cache.library is not None
    shelf = home.house.cache.library.shelf
    shelf.forget(
        [entry.card.id for entry in shelf._bodies if entry.request_id == caller.headers["x-homeport-request-id"]]
    )


@pytest.mark.parametrize(
    ("said", "approved"),
    [
        (verdict(-0.01), True),
        (verdict(-0.9), False),
        (verdict(None, "Yes."), True),
        (verdict(None, "No"), False),
        (verdict(None, "Perhaps"), False),
    ],
)
async def test_a_judge_that_is_sure_lets_the_next_one_be_served(said: Completion, approved: bool) -> None:
    home = Home(always("The third clause."), judged(), judge=lambda _: said, max_in_flight=9)
    await home.ask("one")
    assert home.house.cache.library is not None
    entry = next(iter(home.house.cache.library.shelf._bodies)).card.id
    doubtful = await home.ask("WHICH ONE")
    assert how(doubtful) == "miss"
    [asked] = home.judge.asked
    assert asked["messages"][-1]["content"] == "Question 1: WHICH ONE\nQuestion 2: one"
    assert home.of("cache:judge")[0].target == "judge"
    assert home.counted("judge", "approved" if approved else "denied") == 1
    aliased = list(home.house.cache.library.shelf._aliases.values())
    assert [alias.answered for alias in aliased] == ([entry] if approved else [])


async def test_an_alias_answers_where_the_own_answer_is_gone() -> None:
    home = Home(echo, judged(), judge=lambda _: verdict(-0.01))
    await home.ask("one")
    own = await home.ask("WHICH ONE")
    assert home.house.cache.library is not None
    shelf = home.house.cache.library.shelf
    [alias] = shelf._aliases.values()
    shelf._drop(own_entry(home, own))
    hit = await home.ask("WHICH ONE")
    assert (how(hit), text_of(hit)) == ("semantic", "You said one")
    assert home.house.recorder.events[-1].cache == "alias"
    shelf.forget([alias.answered])
    assert how(await home.ask("WHICH ONE")) == "miss", "it lives no longer than what it leads to"


async def test_each_pair_is_judged_once() -> None:
    home = Home(echo, judged(), judge=lambda _: verdict(-0.9))
    await home.ask("one")
    for _ in range(3):
        await forget(home, await home.ask("WHICH ONE"))
    assert len(home.judge.asked) == 1


@pytest.mark.parametrize("said", [whole(""), Completion(body=b"[", usage=USAGE), Completion(body=b"{}", usage=USAGE)])
async def test_a_judge_that_says_nothing_changes_nothing(said: Completion) -> None:
    home = Home(echo, judged(), judge=lambda _: said)
    await home.ask("one")
    await home.ask("WHICH ONE")
    assert home.house.cache.library is not None
    assert home.house.cache.library.shelf._aliases == {}


async def test_a_judge_that_fails_changes_nothing() -> None:
    def fail(_: str) -> Completion:
        raise UpstreamError("down")

    home = Home(echo, judged(), judge=fail)
    await home.ask("one")
    await home.ask("WHICH ONE")
    assert home.counted("judge", "nothing") == 1


async def test_a_key_that_may_not_ask_the_judge_does_not_ask_it_twice() -> None:
    home = Home(echo, CacheSettings(semantic=Mode.BALANCED, judge=CacheJudgeSettings(model="nobody")), judge=echo)
    await home.ask("one")
    for text in ("WHICH ONE", "WHICH OTHER"):
        await home.ask(text)
    assert home.judge.asked == []
    assert [event.outcome for event in home.of("cache:judge")] == ["rejected"]


async def test_a_partition_that_is_off_gives_no_aliases() -> None:
    home = Home(echo, judged(), judge=lambda _: verdict(-0.01))
    await home.ask("one")
    own = await home.ask("WHICH ONE")
    assert home.house.cache.library is not None
    library = home.house.cache.library
    library.shelf._drop(own_entry(home, own))
    partition = next(iter(library.shelf._bodies)).card.partition
    library.guard.take([Standing(partition=partition, checked=2, wrong=2, off=1)])
    assert how(await home.ask("WHICH ONE")) == "miss"


async def test_long_questions_are_not_judged() -> None:
    home = Home(echo, judged(), judge=lambda _: verdict(-0.01))
    await home.ask("one")
    assert how(await home.ask("WHICH ONE " * 101)) == "miss"
    assert home.judge.asked == []


async def test_what_somebody_else_may_have_written_is_not_judged() -> None:
    home = Home(echo, judged(share=Sharing.PROJECT), judge=lambda _: verdict(-0.01))
    await home.ask("one")
    assert how(await home.ask("WHICH ONE")) == "miss"
    assert home.judge.asked == []
