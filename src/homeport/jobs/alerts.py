"""Alerts from the outbox to the webhooks: at least once, each webhook at its own pace."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.core.errors import UpstreamError
from homeport.core.ports import Clock
from homeport.core.types import Timeouts
from homeport.jobs.post import Shape, leads_to
from homeport.jobs.schedule import pause
from homeport.storage.alerts import Due, Wanted, claim_due, is_over, note_delivered, note_failure, standing
from homeport.transport.http import HttpRequest, Transport

logger = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000
_LOOK_SECONDS = 2.0
_AT_ONCE = 8
_TIMEOUTS = Timeouts(connect=5.0, first_token=15.0, between_tokens=5.0, total=20.0)
_HOLD_NS = 120 * _NS_PER_SECOND
"""Longer than a try can take, so that two processes never try the same at once."""

_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 3_600.0
_REMINDED_NS = 30 * 86_400 * _NS_PER_SECOND
_GONE = 410
_OVER = "it was over before it could be told"


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. `url` may hold a token, so only `wanted.webhook`, its name, is told.

    Attributes:
        reminded_every_s: it forgets, and is told again and again of what lasts; 0: it does not.
    """

    url: SecretStr
    secret: SecretStr
    shape: Shape
    wanted: Wanted
    link: str = ""
    reminded_every_s: float = 0.0


class Courier:
    """Sends what is due.

    Args:
        dice: spreads the tries of many alerts that failed together.
    """

    def __init__(self, engine: Engine, transport: Transport, clock: Clock, dice: random.Random) -> None:
        self._engine = engine
        self._transport = transport
        self._clock = clock
        self._dice = dice

    async def serve(self, receiver: Receiver, stop: asyncio.Event) -> None:
        """Send to one receiver until told to stop; a database that fails is asked again."""
        reminded = 0
        while not stop.is_set():
            try:
                if await self.deliver(receiver):
                    continue
                now, every = self._clock.monotonic_ns(), receiver.reminded_every_s
                if every and now - reminded >= every * _NS_PER_SECOND:
                    reminded = now
                    await self.remind(receiver)
            except SQLAlchemyError as error:
                logger.error("alerts could not be read: %s", type(error).__name__)
            await pause(stop, _LOOK_SECONDS)

    async def deliver(self, receiver: Receiver) -> int:
        """Try what is due now, a few at once; how many were tried. Raises SQLAlchemyError."""
        due = await asyncio.to_thread(
            claim_due, self._engine, receiver.wanted, self._clock.wall_ns(), _HOLD_NS, _AT_ONCE
        )
        for beside in in_order(due):
            await asyncio.gather(*(self._try(receiver, one) for one in beside))
        return len(due)

    async def remind(self, receiver: Receiver) -> None:
        """Tell once more of what lasts. If that fails, the next time is soon. Raises SQLAlchemyError."""
        since = self._clock.wall_ns() - _REMINDED_NS
        for alert in await asyncio.to_thread(standing, self._engine, receiver.wanted.webhook, since):
            await self._post(receiver, Due(alert=alert, tries=1, give_up_at=0))

    async def _try(self, receiver: Receiver, due: Due) -> None:
        name, alert_id = receiver.wanted.webhook, due.alert.id
        if due.tries > 1 and due.alert.lasts and await asyncio.to_thread(is_over, self._engine, due.alert):
            # After its end it would stand open for ever.
            await asyncio.to_thread(note_failure, self._engine, alert_id, name, _OVER, None)
            return
        status, error = await self._post(receiver, due)
        now = self._clock.wall_ns()
        if not error:
            await asyncio.to_thread(note_delivered, self._engine, alert_id, name, now)
            return
        again = None if status == _GONE else next_try(due, now, self._dice)
        logger.warning("alert %s did not reach %s (try %d): %s", alert_id, name, due.tries, error)
        await asyncio.to_thread(note_failure, self._engine, alert_id, name, error, again)

    async def _post(self, receiver: Receiver, due: Due) -> tuple[int, str]:
        """The status, and why it failed or "". Of what the receiver says only the status is read."""
        link = leads_to(due.alert, receiver.link)
        post = receiver.shape.write(due.alert, receiver.secret, self._clock.wall_ns() // _NS_PER_SECOND, link)
        request = HttpRequest(
            url=receiver.url.get_secret_value(), headers=post.headers, body=post.body, timeouts=_TIMEOUTS
        )
        try:
            async with self._transport.stream(request) as answer:
                status = answer.status
        except UpstreamError as error:
            return error.status, error.code
        return status, "" if 200 <= status < 300 else f"HTTP {status}"


def in_order(due: Sequence[Due]) -> Sequence[Sequence[Due]]:
    """Ends after everything else, so that what is over is not opened again."""
    return [[one for one in due if one.alert.is_over is over] for over in (False, True)]


def next_try(due: Due, now: int, dice: random.Random) -> int | None:
    """When to try again: in 5 s, then twice as long each time up to an hour, give or take a half. None to give up."""
    wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(due.tries - 1, 30)) * dice.uniform(0.5, 1.5)
    at = now + int(wait * _NS_PER_SECOND)
    return at if at < due.give_up_at else None


async def serve_all(courier: Courier, receivers: Sequence[Receiver], stop: asyncio.Event) -> None:
    """Every receiver apart, so that one that is slow or gone holds up no other.

    What is being tried when told to stop is left, and due again when its hold is over.
    """
    serving = asyncio.ensure_future(_gathered([courier.serve(receiver, stop) for receiver in receivers]))
    stopping = asyncio.ensure_future(_gathered([stop.wait()]))
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (serving, stopping):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _gathered(work: Sequence[Coroutine[Any, Any, object]]) -> None:
    await asyncio.gather(*work)
