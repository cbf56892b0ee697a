"""One request from its arrival to the last byte of its answer, with all that goes wrong in between."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate

import msgspec

from homeport.core.errors import InvalidRequest
from homeport.providers.simulated.provider import latency_s
from homeport.sim.answer_key import AnswerKey
from homeport.sim.faults import Faults, number
from homeport.sim.limits import Limits
from homeport.sim.mangle import mangle, middle, write_event
from homeport.sim.record import Seen
from homeport.sim.reply import Event, Refused, Reply, Request, knobs_of
from homeport.sim.routes import Routes
from homeport.sim.script import Fate, Script
from homeport.sim.settings import Settings
from homeport.sim.wire import Wire

JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Exchange:
    """Answers requests, all by the same settings, script and limits.

    Args:
        outage: refuse connections for so many seconds.
    """

    def __init__(self, settings: Settings, script: Script, outage: Callable[[float], Awaitable[None]]) -> None:
        self.script = script
        self._outage = outage
        self._routes = Routes()
        self._dated = (0, "")
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Follow other settings; limits and dice begin anew."""
        self.settings = settings
        self.limits = Limits(settings.rpm, settings.tpm)
        self._key = AnswerKey(settings.answers, settings.accuracy) if settings.answers else None
        self.script.change(settings)

    async def answer(self, request: Request, wire: Wire, seen: Seen) -> Faults:
        """Answer, and say with which faults, for some of them concern the connection afterwards."""
        try:
            fate = self.script.next(request.path, request.headers.get("x-sim-fault", ""))
        except InvalidRequest as error:
            fate = Fate({})
            reply = self._routes.refusing(request).refusal(Refused(400, error.message, openai_code=error.code))
        else:
            reply = self._reply(request, fate.faults)
        faults = fate.faults
        seen.faults = dict(faults)
        wire.begin(faults, seen)
        if "drop" in faults or "drop-reset" in faults:
            await _drop(wire, faults)
            return faults
        await _pause(number(faults, "delay"))
        if "refuse" in faults:
            await self._outage(number(faults, "refuse"))
        if "continue" in faults:
            await wire.interim()
        headers = {
            "date": self._date(),
            "x-request-id": f"req_sim{seen.number}",
            **self.limits.headers(),
            **reply.headers,
        }
        await self._send(msgspec.structs.replace(reply, headers=headers), fate, wire, seen)
        return faults

    def _reply(self, request: Request, faults: Faults) -> Reply:
        """What to say: the answer, or the provider's own refusal."""
        dialect = self._routes.refusing(request)
        try:
            dialect = self._routes.find(request)
            if "redirect" in faults:
                return Reply(status=int(number(faults, "redirect")), headers={"location": "/sim/redirected"})
            if "status" in faults:
                wait = math.ceil(number(faults, "retry-after"))
                refused = dialect.refusal(Refused(int(number(faults, "status")), "", retry_after=wait))
                return _with_retry_after(refused, faults)
            self._check_key(request)
            knobs = knobs_of(self.settings, faults, self._key)
            reply = dialect.answer(request, knobs)
            self.limits.admit(reply.tokens)
        except Refused as refused:
            return _with_retry_after(dialect.refusal(refused), {"retry-after": refused.retry_after})
        return mangle(reply, faults)

    def _date(self) -> str:
        """Now, in HTTP's form; written once a second, for that takes longer than the rest of a head."""
        now = int(time.time())
        if self._dated[0] != now:
            self._dated = (now, formatdate(now, usegmt=True))
        return self._dated[1]

    def _check_key(self, request: Request) -> None:
        key = self.settings.api_key
        names = ("x-api-key", "api-key", "x-goog-api-key")
        sent = {request.headers.get(name, "") for name in names} | {request.parameters.get("key", "")}
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if key and key not in sent and not (scheme.lower() in ("bearer", "token") and token.strip() == key):
            raise Refused(401, "")

    async def _send(self, reply: Reply, fate: Fate, wire: Wire, seen: Seen) -> None:
        faults, settings = fate.faults, self.settings
        p50 = number(faults, "latency", settings.latency_ms)
        rate = number(faults, "tps", settings.tokens_per_second)
        latency = latency_s(p50, None if "latency" in faults else settings.latency_p99_ms or None, fate.sigmas)
        if reply.status < 300:
            await _pause(latency)
        if reply.events is not None:
            await wire.start(reply.status, {**STREAM, **reply.headers})
            await _pause(number(faults, "first-token"))
            await _stream(reply.events, reply, faults, wire, seen, 1 / rate if rate else 0.0)
            return
        await _pause(reply.paced / rate if rate else 0.0)
        await _whole(reply, faults, wire)


async def _whole(reply: Reply, faults: Faults, wire: Wire) -> None:
    headers, body = {**JSON, **reply.headers}, reply.body
    if faults.keys().isdisjoint(("first-token", "stall", "cut", "reset")):
        await wire.whole(reply.status, headers, body)
        return
    await wire.start(reply.status, headers, length=len(body))
    await _pause(number(faults, "first-token"))
    half = len(body) // 2
    await wire.send(body[:half])
    if not await _broken(faults, wire):
        await wire.send(body[half:])


async def _stream(events: tuple[Event, ...], reply: Reply, faults: Faults, wire: Wire, seen: Seen, gap: float) -> None:
    breaks = not faults.keys().isdisjoint(_BREAKS)
    stop = middle(events, faults) if breaks else -1
    loop = asyncio.get_running_loop()
    begun = loop.time()
    paced = itertools.count()
    if "bom" in faults:
        await wire.send("\ufeff".encode())
    for at, event in enumerate(events):
        if at == stop and await _break_stream(reply, faults, wire):
            return
        if gap and event.paced:
            # Counted from the first token, so that delays do not add up.
            await _pause(begun + next(paced) * gap - loop.time())
        await wire.send(write_event(event, faults))
        seen.events += 1
    await wire.finish()


_BREAKS = frozenset({"stall", "cut", "reset", "early-end", "error-event", "bad-chunk"})


async def _break_stream(reply: Reply, faults: Faults, wire: Wire) -> bool:
    """Strike in the middle of a stream; whether it is over."""
    await wire.flush()
    if "error-event" in faults and reply.error_event is not None:
        await wire.send(write_event(reply.error_event, faults))
        await wire.finish()
        return True
    if "bad-chunk" in faults:
        await wire.bad_chunk()
    if await _broken(faults, wire):
        return True
    if "early-end" in faults:
        await wire.finish()
        return True
    return False


async def _broken(faults: Faults, wire: Wire) -> bool:
    """Pause, or end the connection; whether it ended."""
    await _pause(number(faults, "stall"))
    if "cut" in faults:
        wire.close()
    if "reset" in faults:
        await wire.reset()
    return "cut" in faults or "reset" in faults


async def _drop(wire: Wire, faults: Faults) -> None:
    await _pause(number(faults, "delay"))
    if "drop-reset" in faults:
        await wire.reset()
    wire.close()


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _with_retry_after(reply: Reply, faults: Faults) -> Reply:
    headers: Mapping[str, str] = {}
    if number(faults, "retry-after"):
        headers = {"retry-after": f"{number(faults, 'retry-after'):g}"}
    elif "retry-after-date" in faults:
        later = datetime.now(UTC) + timedelta(seconds=number(faults, "retry-after-date"))
        headers = {"retry-after": format_datetime(later, usegmt=True)}
    return msgspec.structs.replace(reply, headers={**reply.headers, **headers})
