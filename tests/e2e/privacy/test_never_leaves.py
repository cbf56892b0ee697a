"""Whatever goes wrong, and whatever is switched on meanwhile: no byte of a private request reaches a remote socket.

A schedule is a random sequence of requests, faults, departures and changes of the configuration. Own and remote
upstreams are real servers; each remote one keeps every byte that reaches it. A private request carries a mark that
no other has; while only private requests are under way, the remote ones receive nothing at all.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from homeport.privacy.recognizers import payment_card
from homeport.privacy.recognizers.base import Span
from tests.e2e.privacy.asking import Asked, asked, continued
from tests.e2e.privacy.world import KEYS, OWN, REMOTE, World

pytestmark = pytest.mark.slow

SCHEDULES = 2_000
FAULTS = (
    *("status=500", "status=503;retry-after=1", "status=429;retry-after=0.01", "drop", "drop-reset", "garbage"),
    *("cut;after=1", "reset;after=1", "early-end", "empty", "error-event", "close-reset", "delay=0.05"),
)
LATE = ("first-token=0.3", "stall=0.3")
POLICIES: tuple[dict[str, Any], ...] = (
    {"policy": "static"},
    {"policy": "weighted", "options": {"weights": {"mid": 9, "home": 1}}},
    {"policy": "cheapest"},
    {"policy": "latency"},
    {"policy": "complexity", "options": {"explore": 0.5}},
    {"policy": "complexity", "options": {"split": {"mid": 0.5, "top": 0.5}}},
    {"policy": "cascade", "options": {"min_confidence": 1.0}},
    {"policy": "cascade", "options": {"explore": 0.5, "split": {"home": 0.5, "top": 0.5}}},
)
SECTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"hedging": {"quantile": 0.5, "budget": 1}},
    {"retries": {"rounds": 3, "base_seconds": 0.001, "longest_wait_seconds": 0.01, "budget": 10}},
    {"aliases": {"gpt-4o-mini": "auto", "quick": "mid"}},
)
MARK = b"qzx7private"


class Schedule(RuleBasedStateMachine):
    world: ClassVar[World]
    runner: ClassVar[asyncio.Runner]
    numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.world.received()

    @rule(requests=st.lists(asked(private=True), min_size=1, max_size=3))
    def private_alone(self, requests: list[Asked]) -> None:
        self._ask(requests)
        assert self.world.received() == b"", f"bytes left during {requests}"

    @rule(private=asked(private=True), others=st.lists(asked(private=False), min_size=1, max_size=2))
    def private_among_others(self, private: Asked, others: list[Asked]) -> None:
        self._ask([private, *others])
        self._nothing_left(self.world.received())

    @rule(requests=st.lists(asked(private=False), min_size=1, max_size=2))
    def the_detector_fails(self, requests: list[Asked]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(payment_card, "find", _broken)
            self._ask(requests, "it has digits, 1234567890123, so it is looked at")
        assert self.world.received() == b"", f"bytes left though nobody knows what is in {requests}"

    @rule(turns=continued(), between=st.lists(asked(private=False), max_size=1))
    def a_conversation_goes_on(self, turns: tuple[Asked, Asked], between: list[Asked]) -> None:
        """What was private in one turn is so in the next; a caller who left at once may not have been heard."""
        mark = self._mark()
        self._ask([turns[0]], mark=mark)
        if turns[0].leave_after is None:
            self._ask([*between, turns[1]], mark=mark)

    @rule(request=asked(private=False), around=st.sampled_from(["{}", "<{}>", "mailto:{},", "({}) and {}"]))
    def redacted(self, request: Asked, around: str) -> None:
        """The rest of it may leave, what was found may not."""
        address = f"{self._mark()}@example.org"
        self._ask([request], around.format(address, address))
        self._nothing_left(self.world.received())

    @rule(request=asked(private=False))
    def open_alone(self, request: Asked) -> None:
        self._ask([request])
        self._nothing_left(self.world.received())

    @rule(
        where=st.sampled_from([*OWN, *OWN, *REMOTE]),
        fault=st.sampled_from(FAULTS * 2 + LATE),
        times=st.integers(1, 4),
    )
    def something_goes_wrong(self, where: str, fault: str, times: int) -> None:
        {**self.world.own, **self.world.remote}[where].queue(fault, times=times)

    @rule(routing=st.sampled_from(POLICIES), section=st.sampled_from(SECTIONS), now=st.booleans())
    def the_configuration_changes(self, routing: dict[str, Any], section: dict[str, Any], now: bool) -> None:
        if now:
            self.runner.run(self.world.reload({**section, "routing": routing}))

    @invariant()
    def no_mark_has_left(self) -> None:
        self._nothing_left(self.world.received())

    def teardown(self) -> None:
        for upstream in (*self.world.own.values(), *self.world.remote.values()):
            upstream.clear()

    def _nothing_left(self, received: bytes) -> None:
        assert MARK not in received, "a private request has left"

    def _ask(self, requests: list[Asked], plain: str = "plain", mark: str = "") -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self._one(request, mark or self._mark(), plain) for request in requests))
            if any(request.leave_after is not None for request in requests):
                await self.world.quiet()

        self.runner.run(all_at_once())

    def _mark(self) -> str:
        return f"{MARK.decode()}{next(self.numbers)}"

    async def _one(self, request: Asked, mark: str, plain: str) -> None:
        caller = await self.world.ask(
            request.path,
            request.body(mark if request.private else plain),
            key=request.key,
            headers=request.headers,
            leave_after=request.leave_after,
        )
        if request.leave_after is None:
            assert caller.finished
            assert caller.status != 500 or request.path == "/v1/moderations", caller.body


def _broken(text: str) -> Iterator[Span]:
    raise RuntimeError("a recognizer may be anybody's code")


@pytest.mark.timeout(600)
def test_no_byte_of_a_private_request_reaches_a_remote_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    Schedule.world = world = World(tmp_path_factory.mktemp("world"), KEYS)
    with asyncio.Runner() as runner:
        Schedule.runner = runner
        running = world.running()
        runner.run(running.__aenter__())
        try:
            run_state_machine_as_test(
                Schedule,
                settings=settings(
                    max_examples=SCHEDULES,
                    stateful_step_count=6,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    database=None,
                ),
            )
        finally:
            runner.run(running.__aexit__(None, None, None))
