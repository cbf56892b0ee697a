"""Replays of recorded agents through the loop guard, each a little different: times, ids, order of what ran at once."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from homeport.config.loops import LoopSettings
from homeport.core.money import Nano
from homeport.ledger.loops.guard import Level, LoopGuard, Verdict, Watched
from homeport.ledger.loops.messages import fact
from homeport.ledger.loops.recordings import Call, Recording
from homeport.ledger.loops.wording import explanation

_JITTER = 0.3
_HOUR_NS = 3_600 * 1_000_000_000
_CHARS_PER_TOKEN = 4


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that was stopped: at which call, from 1, why, and what it had cost by then."""

    trace: str
    replay: int
    call: int
    level: str
    signal: str
    what: str
    cost: Nano


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recording.

    Attributes:
        calls: of the recording.
        warned: replays in which a call was warned or delayed.
        cost: nano-dollars of the calls that were let through, over all replays.
    """

    name: str
    calls: int
    warned: int
    cost: Nano
    stops: tuple[Stop, ...]


Priced = Callable[[str, int, int], Nano]


def replay(
    recordings: Sequence[Recording], replays: int, seed: int, priced: Priced, settings: LoopSettings
) -> list[Outcome]:
    """Run each recording so many times through one guard and with one key, as a gateway would see them.

    Args:
        priced: nano-dollars of a call, by its model, input tokens and output tokens.
    """
    guard, dice = LoopGuard(settings), random.Random(seed)  # noqa: S311  the same seed gives the same replays
    return [_all_of(guard, one, replays, dice, priced) for one in recordings]


def _all_of(guard: LoopGuard, recording: Recording, replays: int, dice: random.Random, priced: Priced) -> Outcome:
    stops: list[Stop] = []
    warned, cost = 0, 0
    for number in range(replays):
        run = _Replay(guard, recording, number, dice, priced)
        run.play()
        warned += run.warned
        cost += run.cost
        stops += [run.stop] if run.stop else []
    return Outcome(name=recording.name, calls=len(recording.calls), warned=warned, cost=Nano(cost), stops=tuple(stops))


class _Replay:
    """One run of one recording; it ends with its first refused call."""

    def __init__(
        self, guard: LoopGuard, recording: Recording, number: int, dice: random.Random, priced: Priced
    ) -> None:
        self._guard = guard
        self._recording = recording
        self._number = number
        self._dice = dice
        self._priced = priced
        self._salt = f"{dice.getrandbits(32):08x}"
        self._begin = number * _HOUR_NS
        self._raws: dict[int, Raw] = {}
        self._calls = 0
        self.warned = False
        self.cost = 0
        self.stop: Stop | None = None

    def play(self) -> None:
        """Calls that overlapped in the recording overlap here, in an order of the dice."""
        open_calls: list[tuple[int, Watched, Call, int]] = []
        for start, end, call in self._jittered():
            for done in sorted((one for one in open_calls if one[0] <= start), key=lambda one: one[0]):
                open_calls.remove(done)
                self._end(*done[1:])
            self._calls += 1
            messages = [self._written(message) for message in call.messages]
            watched = self._guard.check("bench", f"{self._recording.name}-{self._salt}", messages, self._begin + start)
            if watched.verdict.level is Level.STOP:
                self._stopped(watched.verdict, messages)
                return
            self.warned = self.warned or watched.verdict.level is not Level.NONE
            open_calls.append((end, watched, call, sum(map(len, messages))))

    def _jittered(self) -> list[tuple[int, int, Call]]:
        first = min((call.start_ns for call in self._recording.calls), default=0)
        times = []
        for call in self._recording.calls:
            start = call.start_ns - first + round(self._dice.uniform(0, _JITTER) * 1e9)
            length = (call.end_ns - call.start_ns) * self._dice.uniform(1 - _JITTER, 1 + _JITTER)
            times.append((start, start + round(length), call))
        return sorted(times, key=lambda one: one[0])

    def _written(self, message: Mapping[str, Any]) -> Raw:
        """A message as JSON, made once: most calls send what an earlier one did."""
        raw = self._raws.get(id(message))
        if raw is None:
            raw = self._raws[id(message)] = Raw(json.dumps(self._renamed(message)).encode())
        return raw

    def _renamed(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same message with other ids of calls."""
        changed = dict(message)
        if isinstance(changed.get("tool_call_id"), str) and changed["tool_call_id"]:
            changed["tool_call_id"] = f"{changed['tool_call_id']}-{self._salt}"
        if isinstance(changed.get("tool_calls"), list):
            calls = [call for call in changed["tool_calls"] if isinstance(call, dict)]
            changed["tool_calls"] = [
                {**call, "id": f"{call['id']}-{self._salt}"} if call.get("id") else call for call in calls
            ]
        return changed

    def _end(self, watched: Watched, call: Call, chars: int) -> None:
        asked = chars // _CHARS_PER_TOKEN if call.input_tokens is None else call.input_tokens
        told = call.output_tokens
        if told is None:
            told = len(json.dumps(call.answer)) // _CHARS_PER_TOKEN
        cost = self._priced(call.model, asked, told)
        self.cost += cost
        self._guard.finish(watched, cost, fact(call.answer).key)

    def _stopped(self, verdict: Verdict, messages: Sequence[Raw]) -> None:
        assert verdict.finding is not None
        self.stop = Stop(
            trace=self._recording.name,
            replay=self._number,
            call=self._calls,
            level=verdict.level.name.lower(),
            signal=verdict.finding.signal.value,
            what=explanation(verdict, messages),
            cost=Nano(self.cost),
        )
