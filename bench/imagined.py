"""What prefix affinity can bring on engines that are only imagined, with the gateway's own table.

Two questions: of a whole trace in its order, on replicas that keep so many blocks; and of so many conversations at a
time, on two llama.cpp engines with eight slots each, as a function of how many there are. A slot holds one
conversation; a prompt goes to the idle slot that has most of it, if that is at least half, else to the one that was
not used for longest.
"""

import heapq
import itertools
import random
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from bench.trace import Request
from homeport.cache.prefix import Prefix, PrefixTable, read_prefix
from homeport.core.types import Surface

ACTIVE = (4, 8, 10, 12, 13, 14, 15, 16, 20, 24)
PLACINGS = ("affinity", "perfect", "round robin", "least load")
_BLOCKS = (1_000, 2_000, 4_000, 8_000, 16_000, 10**9)
_SLOTS = 8
_WORDS = 8
_SAME = 0.5
_ENGINES = ("engine-a", "engine-b")
_SECONDS = 0.2
_SECONDS_PER_BLOCK = 0.06
_THINK_SECONDS = 0.3
_ANSWER_TOKENS = 256
_REQUESTS = 500
_WARM = 3
"""Turns of each user that are not counted: every way begins with empty slots."""


def imagined(trace: Sequence[Request]) -> list[dict[str, Any]]:
    """Cached shares on two and on four replicas that each keep the last so many blocks, of the whole trace."""
    said = []
    for replicas, blocks in itertools.product((2, 4), _BLOCKS):
        names = [f"replica-{number}" for number in range(replicas)]
        table, turn = PrefixTable(), itertools.cycle(names)
        affine, alternate = _Caches(names, blocks), _Caches(names, blocks)
        for request in trace:
            # The words of a block are fewer here than its tokens, so sizes are told in the trace's own measure.
            prefix = _at_size(_prefix(request, 1))
            chosen = table.ranked(prefix, dict.fromkeys(names, 0))[0]
            table.served(prefix, chosen)
            affine.ask(chosen, request)
            alternate.ask(next(turn), request)
        said.append(
            {
                "replicas": replicas,
                "blocks_each": blocks,
                "affinity": round(affine.share, 3),
                "round_robin": round(alternate.share, 3),
                "ratio": times(affine.share, alternate.share),
                "ratio_beyond_system": times(affine.beyond, alternate.beyond),
            }
        )
    return said


def curve(talks: Sequence[Sequence[Request]], runs: int = 4) -> list[dict[str, Any]]:
    """Cached shares on two engines of four slots, by how many conversations are held at a time."""
    rows = []
    for active in ACTIVE:
        shares = {way: sum(_Loop(talks, way, active, seed).share() for seed in range(runs)) / runs for way in PLACINGS}
        ratio = times(shares["affinity"], shares["round robin"])
        rows.append({"active": active, **{way: round(share, 3) for way, share in shares.items()}, "ratio": ratio})
    return rows


def times(ours: float, other: float) -> float | None:
    """How many times the other; None where that is nothing."""
    return round(ours / other, 2) if other else None


def _prefix(request: Request, words: int) -> Prefix:
    fields = {"messages": msgspec.Raw(msgspec.json.encode(request.messages(words, "")))}
    prefix = read_prefix(Surface.CHAT, fields, "")
    assert prefix is not None
    return prefix


def _at_size(prefix: Prefix) -> Prefix:
    return msgspec.structs.replace(prefix, sizes=tuple(400 * size for size in prefix.sizes))


class _Caches:
    """Replicas that forget the block that was not used for longest, from the end of a prompt, as vLLM does."""

    def __init__(self, names: Sequence[str], blocks: int) -> None:
        self._kept = {name: OrderedDict[int, None]() for name in names}
        self._most = blocks
        self._hit = self._beyond = self._asked = self._requests = 0

    @property
    def share(self) -> float:
        return self._hit / self._asked

    @property
    def beyond(self) -> float:
        return self._beyond / (self._asked - self._requests)

    def ask(self, name: str, request: Request) -> None:
        kept = self._kept[name]
        hit = sum(1 for _ in takewhile(kept.__contains__, request.blocks))
        self._hit += hit
        self._beyond += max(0, hit - 1)
        self._asked += len(request.blocks)
        self._requests += 1
        for block in reversed(request.blocks):
            kept.pop(block, None)
            kept[block] = None
        while len(kept) > self._most:
            kept.popitem(last=False)


class _User:
    def __init__(self, talk: Sequence[Request]) -> None:
        self.talk, self.turn, self.home = talk, 0, ""
        self.asked: Prefix | None = None
        self.cached = 0.0


class _Loop:
    """Users who ask, wait for the answer, think, and ask again; each engine reads one prompt after the other."""

    def __init__(self, talks: Sequence[Sequence[Request]], way: str, active: int, seed: int) -> None:
        self._way = way
        self._dice = random.Random(seed)
        start = self._dice.randrange(len(talks))
        self._next = itertools.cycle([*talks[start:], *talks[:start]])
        self._users = [_User(next(self._next)) for _ in range(active)]
        self._slots: dict[str, list[tuple[int, ...]]] = {name: [()] * _SLOTS for name in _ENGINES}
        self._free = dict.fromkeys(_ENGINES, 0.0)
        self._loads = dict.fromkeys(_ENGINES, 0)
        self._table = PrefixTable()
        self._by_turns = itertools.cycle(_ENGINES)

    def share(self) -> float:
        hit = asked = 0
        for number, (found, blocks) in enumerate(self._requests()):
            if number >= _WARM * len(self._users):
                hit, asked = hit + found, asked + blocks
        return hit / asked

    def _requests(self) -> Iterator[tuple[int, int]]:
        """Of each, the blocks that were found and all."""
        # What happens next: when, to whom, and where an answer ends, with the tokens it was.
        due = [(self._think(), number, "", 0) for number in range(len(self._users))]
        heapq.heapify(due)
        asked = 0
        while asked < _REQUESTS:
            now, number, name, tokens = heapq.heappop(due)
            user = self._users[number]
            if name:
                self._answered(user, name, tokens)
                heapq.heappush(due, (now + self._think(), number, "", 0))
                continue
            request = user.talk[user.turn]
            name = self._engine(user, request)
            found = self._ask(name, request.blocks)
            user.cached = found / len(request.blocks)
            read = _SECONDS + _SECONDS_PER_BLOCK * (len(request.blocks) - found)
            self._free[name] = max(now, self._free[name]) + read
            tokens = _WORDS * len(request.blocks) + _ANSWER_TOKENS
            self._loads[name] += tokens
            heapq.heappush(due, (self._free[name], number, name, tokens))
            asked += 1
            yield found, len(request.blocks)

    def _think(self) -> float:
        return self._dice.expovariate(1 / _THINK_SECONDS)

    def _answered(self, user: _User, name: str, tokens: int) -> None:
        self._loads[name] -= tokens
        if user.asked is not None:
            self._table.served(user.asked, name)
            self._table.ended(user.asked, name, user.cached)
        user.turn += 1
        if user.turn == len(user.talk):
            user.talk, user.turn, user.home = next(self._next), 0, ""

    def _engine(self, user: _User, request: Request) -> str:
        match self._way:
            case "affinity":
                user.asked = _prefix(request, _WORDS)
                user.home = self._table.ranked(user.asked, self._loads)[0]
                self._table.began(user.asked, user.home, _SLOTS)
            case "perfect":
                user.home = user.home or self._fewest({name: self._held(name) for name in _ENGINES})
            case "round robin":
                user.home = next(self._by_turns)
            case _:
                user.home = self._fewest(self._loads)
        return user.home

    def _held(self, name: str) -> int:
        return sum(1 for user in self._users if user.home == name)

    def _fewest(self, counts: Mapping[str, int]) -> str:
        return min(counts, key=lambda name: (counts[name], self._dice.random()))

    def _ask(self, name: str, blocks: tuple[int, ...]) -> int:
        slots = self._slots[name]  # The one that was not used for longest stands first.
        found = [sum(1 for one, other in takewhile(_same, zip(held, blocks, strict=False))) for held in slots]
        best = max(range(len(slots)), key=found.__getitem__)
        best = best if found[best] > _SAME * len(blocks) else 0
        slots.pop(best)
        slots.append(blocks)
        return found[best]


def _same(pair: tuple[int, int]) -> bool:
    return pair[0] == pair[1]
