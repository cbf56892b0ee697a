"""What is only a matter of time is tried again, and what it cost is counted; what is wrong is told at once."""

import json
from typing import Any

import pytest

from homeport.api.openai import OpenAIDialect
from homeport.core.budgets import Action, Window
from homeport.core.errors import ConnectFailed, RateLimited, UpstreamRefused, UpstreamTimeout
from homeport.core.ports import Ticket
from homeport.core.types import DataClass, Key, RateLimits, Surface
from homeport.jobs.line_answer import MAX_TRIES, LineAnswerer, not_run
from homeport.jobs.lines import Line
from homeport.ledger.budgets import BudgetBook
from homeport.storage.results import Result
from tests.fakes.bank import budget
from tests.fakes.cascading import climbing_house
from tests.fakes.house import CHAT, KEYS, MID, OWN, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import USAGE, whole

OWNERS = FixedKeyRing({key.id: key for key in KEYS.values()})
LINE = Line(number=7, custom_id="seven", body=json.dumps(CHAT).encode())


class Limits:
    """`Limiter` that refuses a number of times."""

    def __init__(self, *refusals: int | None) -> None:
        self._refusals = list(refusals)

    def enter(self, key: Key) -> Ticket:
        raise RateLimited("too many", retry_after_ns=self._refusals.pop(0))


class Asked:
    def __init__(self, house: House, key_id: str = "key_open") -> None:
        self.slept: list[float] = []
        self.answerer = LineAnswerer(
            house.pipeline,
            surface=Surface.CHAT,
            dialect=OpenAIDialect(),
            key_id=key_id,
            data_class=DataClass.OPEN,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def said(result: Result) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(bytes(result.entry))
    return entry


async def test_an_upstream_that_fails_for_now_is_asked_again() -> None:
    house = House(MID, keys=OWNERS)
    timeout, limited = UpstreamTimeout("slow"), UpstreamRefused("429", status=429, retryable=True)
    house.upstreams["mid"].script(timeout, limited, whole())
    asked = Asked(house)
    result = await asked.answerer.answer(LINE)
    assert (result.line, result.tally.completed, result.tally.failed) == (7, 1, 0)
    assert asked.slept == [1.0, 2.0]
    assert result.tally.cost == sum(event.cost for event in house.recorder.events)
    assert len({event.request_id for event in house.recorder.events}) == 3


async def test_one_that_goes_on_failing_is_told() -> None:
    house = House(MID, keys=OWNERS)
    house.upstreams["mid"].script(ConnectFailed("refused"))
    asked = Asked(house)
    result = await asked.answerer.answer(LINE)
    assert (result.tally.completed, result.tally.failed) == (0, 1)
    assert said(result)["response"]["status_code"] == 503
    assert said(result)["error"] is None
    assert len(house.recorder.events) == MAX_TRIES
    assert asked.slept == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_request_that_an_upstream_rejects_is_told_at_once(status: int) -> None:
    house = House(MID, keys=OWNERS)
    house.upstreams["mid"].script(UpstreamRefused("no", status=status, retryable=False))
    asked = Asked(house)
    result = await asked.answerer.answer(LINE)
    assert said(result)["response"]["status_code"] == status
    assert asked.slept == []


async def test_our_own_bounds_hold_a_line_back_and_never_fail_it() -> None:
    house = House(MID, keys=OWNERS, max_in_flight=0)
    house.upstreams["mid"].script(whole())

    class Patient(Asked):
        async def _sleep(self, seconds: float) -> None:
            await super()._sleep(seconds)
            if len(self.slept) == 20:
                house.admission.__init__(1)  # type: ignore[misc] # there is room now

    asked = Patient(house)
    result = await asked.answerer.answer(LINE)
    assert result.tally.completed == 1
    assert len(asked.slept) == 20
    assert max(asked.slept) == 60.0
    assert result.tally.input_tokens == USAGE.input_tokens


async def test_a_rate_limit_says_how_long() -> None:
    limited = Key(id="key_limited", name="limited", limits=RateLimits(requests_per_minute=1))
    house = House(MID, keys=FixedKeyRing({"key_limited": limited}), limiter=Limits(500_000_000, 42_000_000_000, None))
    asked = Asked(house, "key_limited")
    result = await asked.answerer.answer(LINE)
    assert asked.slept == [1.0, 42.0]
    # The third says that it never will be: more tokens than the limit has in a minute.
    assert said(result)["response"]["status_code"] == 429
    assert house.calls() == []


async def test_a_budget_that_is_spent_is_told_at_once() -> None:
    house = House(MID, keys=OWNERS, budgets=[budget(limit=0, window=Window.HOUR)])
    house.bank.resets_at = house.clock.wall + 60_000_000_000
    asked = Asked(house)
    result = await asked.answerer.answer(LINE)
    assert (asked.slept, said(result)["response"]["status_code"]) == ([], 429)
    assert said(result)["response"]["body"]["error"]["code"] == "budget_exceeded"


async def test_a_budget_that_queues_holds_a_line_back() -> None:
    house = House(MID, keys=OWNERS, budgets=[budget(limit=0, window=Window.DAY, action=Action.QUEUE)])
    house.bank.resets_at = house.clock.wall + 86_400_000_000_000
    house.upstreams["mid"].script(whole())

    class Patient(Asked):
        async def _sleep(self, seconds: float) -> None:
            await super()._sleep(seconds)
            house.clock.advance(round(seconds * 1e9))
            if len(self.slept) == MAX_TRIES + 3:
                house.book = BudgetBook([])

    asked = Patient(house)
    result = await asked.answerer.answer(LINE)
    assert result.tally.completed == 1
    assert max(asked.slept) <= 60.0, "a budget may be raised"


def test_a_line_that_was_not_run() -> None:
    result = not_run(LINE, code="batch_expired", message="too late")
    entry = said(result)
    assert (entry["custom_id"], entry["response"]) == ("seven", None)
    assert entry["error"] == {"code": "batch_expired", "message": "too late"}
    assert (result.tally.failed, result.tally.cost) == (1, 0)


async def test_a_line_is_escalated_as_any_request_and_pays_for_both() -> None:
    house = climbing_house(OWN, MID, keys=OWNERS)
    house.upstreams["own"].script(whole("I guess 3"))
    house.upstreams["own"].working = lambda: house.clock.advance(1_000_000_000)
    house.upstreams["mid"].script(whole("Clause 9."))
    result = await Asked(house).answerer.answer(LINE)
    entry = said(result)
    assert entry["response"]["body"]["choices"][0]["message"]["content"] == "Clause 9."
    assert entry["homeport"]["escalation"] == "own:low_confidence:0.42<0.55"
    assert result.tally.cost == house.event.cost == 1_250_000 + 50_000
