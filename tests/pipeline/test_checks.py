"""Answers to other questions are checked in the background, and a partition that is often wrong stops itself."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from homeport.config.cache import CacheJudgeSettings, CacheSettings
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.caching import Mode
from homeport.core.errors import UpstreamError
from homeport.core.money import Nano
from homeport.core.types import Completion, UpstreamCall
from homeport.ledger.loops.guard import LoopGuard
from homeport.pipeline.hindsight import LookBack
from homeport.pipeline.routing import Route, RouteStage
from tests.fakes.entries import MemoryEntries
from tests.fakes.house import MID, OWN, PRIVATE, House, target
from tests.pipeline.test_caching import text_of, whole

if TYPE_CHECKING:
    pass

from tests.fakes.believing import JUDGE, SEMANTIC, THERE, Home, Upstream, always, believe, echo, how, judged, verdict


@pytest.fixture(autouse=True)
def _believing(monkeypatch: pytest.MonkeyPatch) -> None:
    believe(monkeypatch)


async def test_a_partition_that_is_fed_wrong_answers_switches_itself_off() -> None:
    entries = MemoryEntries()
    home = Home(lambda text: whole("Always the same.") if text.startswith("same") else echo(text), entries=entries)
    await home.ask("same 0", THERE)
    served = []
    for number in range(40):
        kind = how(await home.ask(f"question {number}"))
        served += [number] if kind == "semantic" else []
        assert how(await home.ask(f"same {number + 1}", THERE)) == "semantic", "another partition goes on"
    wrong = home.counted("check", "wrong")
    print(f"wrong answers served until it switched itself off: {len(served)} of 40 requests")
    assert len(served) == wrong == 2
    [alert] = home.house.switched_off
    assert (alert.wrong, alert.checked, alert.model, alert.project) == (2, 2, "mid", "default")
    assert alert.bound > alert.budget == 2.0
    assert "2 of 2" in alert.summary
    assert home.counted("check", "switched_off") == 1
    again = await home.ask("question 30")
    assert (how(again), text_of(again)) == ("hit", "You said question 30"), "the very same request is answered"

    await home.news()
    later = Home(entries=entries)
    await later.news()
    assert how(await later.ask("question 50")) == "miss"
    assert how(await later.ask("same 99", THERE)) == "semantic"
    assert later.house.switched_off == []

    assert later.house.cache.library is not None
    later.house.cache.library.guard.resume(bytes.fromhex(alert.partition))
    assert how(await later.ask("question 51")) == "semantic"


async def test_a_wrong_answer_is_out_at_once_and_not_kept_again() -> None:
    home = Home()
    await home.ask("one")
    assert text_of(await home.ask("two")) == "You said one"
    after = await home.ask("two")
    assert (how(after), text_of(after)) == ("hit", "You said two"), "the live answer is kept"
    assert home.house.cache.library is not None
    texts = [entry.card.text for entry in home.house.cache.library.shelf._bodies]
    assert texts == ["two"]


async def test_a_check_is_billed_to_whom_it_is_for_and_told_to_nobody() -> None:
    home = Home(always("The third clause."))
    await home.ask("one")
    hit = await home.ask("two")
    assert how(hit) == "semantic"
    [check] = home.of("cache:check")
    made, kept, _ = home.house.recorder.events
    assert (check.key_id, check.cost, check.cache, check.target) == (made.key_id, made.cost, "", "mid")
    assert check.request_id not in (made.request_id, kept.request_id)
    assert kept.cache == "semantic"
    assert (home.counted("check", "right"), home.counted("check", "wrong")) == (1, 0)
    assert home.upstream.asked[1]["messages"][-1]["content"] == "two"


async def test_a_stream_is_checked_as_a_whole_answer() -> None:
    home = Home(always("The third clause."))
    await home.ask("one", stream=True)
    hit = await home.ask("two", stream=True, stream_options={"include_usage": True})
    assert how(hit) == "semantic"
    assert not {"stream", "stream_options"} & set(home.upstream.asked[1])
    assert home.counted("check", "right") == 1


async def test_the_very_same_request_is_never_checked() -> None:
    home = Home()
    for _ in range(3):
        await home.ask("one")
    assert len(home.upstream.asked) == 1


@pytest.mark.parametrize("live", [whole("You said", finish="length"), UpstreamError("down")])
async def test_a_live_answer_that_is_cut_or_fails_says_nothing(live: Completion | Exception) -> None:
    def answers(text: str) -> Completion:
        if text == "one":
            return echo(text)
        if isinstance(live, Exception):
            raise live
        return live

    home = Home(answers)
    await home.ask("one")
    for number in range(5):
        assert how(await home.ask(f"two {number}")) == "semantic"
    assert home.counted("check", "nothing") == 5
    assert home.house.switched_off == []


async def test_what_is_too_much_is_dropped_and_nobody_waits() -> None:
    home = Home(always("The third clause."))
    kinds = [f"You are {number}." for number in range(4)]
    for kind in kinds:
        await home.ask("one", kind)
    gate = asyncio.Event()
    plain = home.upstream.complete

    async def slow(call: UpstreamCall) -> Completion:
        await gate.wait()
        return await plain(call)

    home.upstream.complete = slow  # type: ignore[method-assign]
    for number in range(70):
        assert how(await home.send(f"two {number}", kinds[number % 4])) == "semantic"
    assert len(home.house.cache.errands) == 64
    assert home.counted("check", "dropped") == 6
    gate.set()
    await home.house.cache.errands.settled()
    assert home.counted("check", "right") == 64


async def test_many_at_once_are_not_all_answered_wrong() -> None:
    """Whoever asks before the first checks are back; the upstream takes its time."""
    home = Home(max_in_flight=500)
    await home.ask("question")
    plain = home.upstream.complete

    async def slow(call: UpstreamCall) -> Completion:
        await asyncio.sleep(0.05)
        return await plain(call)

    home.upstream.complete = slow  # type: ignore[method-assign]
    callers = []
    for number in range(100):
        callers.append(asyncio.create_task(home.send(f"question {number}")))
        await asyncio.sleep(0)
    told = [how(caller) for caller in await asyncio.gather(*callers)]
    await home.house.cache.errands.settled()
    print(f"wrong answers served of 100 that came at once: {told.count('semantic')}")
    assert 2 <= told.count("semantic") <= 40
    assert len(home.house.switched_off) == 1


async def test_what_runs_at_the_end_is_given_up_and_billed() -> None:
    home = Home(always("The third clause."))
    await home.ask("one")

    async def never(call: UpstreamCall) -> Completion:
        await asyncio.Event().wait()
        raise AssertionError

    home.upstream.complete = never  # type: ignore[method-assign]
    await home.send("two")
    await asyncio.sleep(0)
    async with home.house.cache.running():
        await asyncio.sleep(0.01)
    assert len(home.house.cache.errands) == 0
    assert [event.outcome for event in home.of("cache:check")] == ["cancelled"]


async def test_nothing_is_checked_where_nothing_is_to_be() -> None:
    home = Home(settings=CacheSettings(semantic=Mode.BALANCED, check_percent=0))
    await home.ask("one")
    await home.ask("two")
    assert len(home.upstream.asked) == 1


async def test_what_is_private_reaches_neither_check_nor_judge() -> None:
    home = House(OWN, MID, JUDGE, cache=judged())
    own = Upstream(echo)
    home.serve("at-own", own)
    for text in ("one", "two", "WHICH ONE"):
        turns = [{"role": "user", "content": text}]
        await home.ask({"model": "auto", "messages": turns}, token=PRIVATE)
        await home.cache.errands.settled()
    assert len(own.asked) == 3
    assert len(home.recorder.events) == 3
    assert home.calls() == []


async def test_a_judge_decides_where_only_the_words_of_answers_differ() -> None:
    def answers(text: str) -> Completion:
        return whole("Paris." if text == "one" else "The capital of France.")

    settings = CacheSettings(semantic=Mode.BALANCED, judge=CacheJudgeSettings(model="judge"))
    home = Home(answers, settings, judge=lambda _: verdict(-0.01))
    await home.ask("one")
    await home.ask("two")
    assert home.counted("check", "right") == 1
    assert "Answer 1: The capital of France.\nAnswer 2: Paris." in home.judge.asked[0]["messages"][-1]["content"]


async def test_what_we_ask_ourselves_counts_for_no_loop_no_conversation_and_no_router(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def spy(kind: type, name: str) -> None:
        plain = getattr(kind, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            seen.append(name)
            return plain(*arguments, **named)

        monkeypatch.setattr(kind, name, noting)

    spy(LoopGuard, "check")
    spy(Route, "answered_by")
    spy(RouteStage, "decide")
    spy(LookBack, "of")
    home = Home(always("The third clause."))
    for text in ("one", "two"):
        turns = [{"role": "user", "content": text}]
        await home.house.ask({"model": "mid", "messages": turns}, headers=[("x-homeport-trace", "t-1")])
        await home.house.cache.errands.settled()
    [check] = home.of("cache:check")
    assert check.trace_id == "t-1", "budgets of traces hold for it too"
    assert sorted(seen) == sorted(["check", "answered_by", "decide", "of"] * 2)


async def test_a_check_that_is_not_paid_for_is_not_made() -> None:
    budget = Budget(id="b1", name="tiny", kind=ScopeKind.ALL, scope="", window=Window.TOTAL, limit=Nano(1_250_000))
    home = Home(always("The third clause."), budgets=[budget])
    await home.ask("one", max_tokens=10)
    hit = await home.ask("two", max_tokens=10)
    assert how(hit) == "semantic"
    [check] = home.of("cache:check")
    assert (check.error, check.cost) == ("budget_exceeded", 0)
    assert len(home.upstream.asked) == 1


async def test_what_another_model_answers_says_nothing() -> None:
    other = target("top", tier="mid")
    home = House(MID, other, cache=SEMANTIC)
    sound, sick = Upstream(always("The third clause.")), Upstream(always("No."))
    home.serve("at-mid", sound)
    home.serve("at-top", sick)

    async def ask(text: str) -> str:
        caller = await home.ask({"model": "auto", "messages": [{"role": "user", "content": text}]})
        return how(caller)

    assert await ask("one") == "miss"

    def down(_: str) -> Completion:
        raise UpstreamError("down")

    sound.answers = down
    for text in ("two", "three", "four"):
        assert await ask(text) == "semantic"
        await home.cache.errands.settled()
    assert len(sick.asked) == 3
    assert home.switched_off == []
