"""Which replica of an own engine still has the beginning of a prompt in its memory.

An engine reads a prompt from its first token and keeps what it has computed; a later prompt that begins with the same
tokens is read from where they part. Among replicas that pays only where the later prompt finds the same one. So a
process remembers, for the beginnings of the prompts that it sent, which replicas were sent them. A beginning ends
with a message, or after each 2 KiB of a long one, and is known by a number that is worked out from the number of the
one before: nothing of a prompt is kept.

Source of the order: Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016, for prompts
that nobody knows; Srivatsa, He, Abhyankar, Li and Zhang, "Preble: Efficient Distributed Prompt Scheduling for LLM
Serving", 2024, for the choice between the longest known beginning and a share of the work.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from homeport.cache.slots import IN_USE, ROOM, Slots
from homeport.core.types import Surface

_TURNS = {
    Surface.CHAT: "messages",
    Surface.MESSAGES: "messages",
    Surface.RESPONSES: "input",
    Surface.COMPLETION: "prompt",
}
_BEFORE_TURNS = ("tools", "system", "instructions")
_LIST = msgspec.json.Decoder(list[Raw])
_MOST_BYTES = 1_048_576
_MOST_LINKS = 512
_BLOCK = 2_048
_NO_ANSWER = (False,) * (_MOST_BYTES // _BLOCK)
_END = 48
_SAMPLE = 1_024
_CHARS_PER_TOKEN = 4
_BOUND = 1.25
_SLACK_TOKENS = 512
_SLACK_BYTES = 4_096
_ANSWER_BYTES = 1_024
_FORGET_BYTES = 1_048_576
_FOUND = 0.5
_NO_COST = (0, 0)
_STRANGE = 8
_FORGET_TURNS = 64


class Prefix(msgspec.Struct, frozen=True):
    """The beginnings of one prompt, from the shortest to the whole.

    Attributes:
        links: the number of each, which means something in this process alone.
        sizes: bytes of each.
        answered: whether an answer comes after it, or nothing: who was sent it holds that conversation.
        opening: of all that is said before the first answer; the same in every process and every turn.
    """

    links: tuple[int, ...]
    sizes: tuple[int, ...]
    answered: tuple[bool, ...]
    opening: bytes

    @property
    def goes_on(self) -> bool:
        """Whether it has an answer in it: a later turn of a conversation."""
        return True in self.answered[:-1]

    @property
    def said_before(self) -> float:
        """The share of it that the turn before had too; 0 where it is the first."""
        ends = [size for size, answered in zip(self.sizes[:-1], self.answered, strict=False) if answered]
        return ends[-1] / self.sizes[-1] if ends else 0.0


def read_prefix(surface: Surface, fields: Mapping[str, Raw], scope: str) -> Prefix | None:
    """The beginnings of a request's prompt; None where it has none that an engine would keep. Total.

    Args:
        fields: of a request in the words of `surface`.
        scope: prompts of different scopes have no beginning in common: the model, and who may share it.
    """
    said = fields.get(_TURNS.get(surface, ""))
    if said is None:
        return None
    head = b"\0".join(bytes(fields[name]) for name in _BEFORE_TURNS if name in fields)
    turns = _turns(bytes(said))
    links, sizes, answered = _chain(scope, head, turns)
    if not links:
        return None
    return Prefix(tuple(links), tuple(sizes), (*answered[1:], True), _opening(scope, head, turns))


def _turns(said: bytes) -> list[bytes]:
    if said.startswith(b"[") and len(said) <= _MOST_BYTES:
        try:
            return [bytes(turn) for turn in _LIST.decode(said)]
        except (msgspec.DecodeError, RecursionError):
            return [said]
    return [said[:_MOST_BYTES]]


def _chain(scope: str, head: bytes, turns: Iterable[bytes]) -> tuple[list[int], list[int], list[bool]]:
    """Numbers, sizes, and whether an answer begins with what each adds."""
    # Python's own hash is fast, and keyed with a secret of the process. Prompts that share a number without sharing
    # a beginning would only be sent to a replica that has to read them.
    link, size = hash((scope, head)), len(head)
    links: list[int] = []
    sizes: list[int] = []
    answers: list[bool] = []
    for turn in turns:
        answers.append(_is_answer(turn))
        for start in range(0, len(turn), _BLOCK):
            link = hash((link, turn[start : start + _BLOCK]))
            links.append(link)
            sizes.append(size + min(start + _BLOCK, len(turn)))
        size += len(turn)
        answers += _NO_ANSWER[: len(links) - len(answers)]
        if len(links) >= _MOST_LINKS:
            break
    return links[:_MOST_LINKS], sizes[:_MOST_LINKS], answers[:_MOST_LINKS]


def _is_answer(turn: bytes) -> bool:
    """Who speaks stands first or last in what clients send, before or after the text."""
    ends = turn[:_END] + turn[-_END:]
    return b'"assistant"' in ends or b'"function_call"' in ends or b'"reasoning"' in ends


def _opening(scope: str, head: bytes, turns: list[bytes]) -> bytes:
    """Up to what the user says first, which no later turn changes; of a bare text, its first bytes."""
    first = next((number for number, turn in enumerate(turns) if b'"user"' in turn), 0)
    said = b"".join(turns[: first + 1]) if len(turns) > 1 or turns[0].startswith(b"{") else turns[0][:_SAMPLE]
    digest = hashlib.blake2b(scope.encode("utf-8", "surrogatepass"), digest_size=16)
    for text in (head, said):
        # The ends are where conversations of one system prompt differ; all of it would take longer than it helps.
        digest.update(b"%d\0%s%s" % (len(text), text[:_SAMPLE], text[-_SAMPLE:]))
    return digest.digest()


class PrefixTable:
    """What one process knows of its replicas' memories. It forgets the beginnings that were not used for longest.

    Args:
        most: beginnings that are remembered; up to twice as many are kept, of about 100 bytes each.
    """

    def __init__(self, most: int = 65_536) -> None:
        self._most = most
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}
        self._bits: dict[str, int] = {}
        self._met = 0
        self._given: dict[str, int] = {}
        self._slots: dict[str, Slots] = {}
        self._now = 0
        self._later_turns = self._strange_turns = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def ranked(self, prefix: Prefix, loads: Mapping[str, int]) -> list[str]:
        """Replicas, in the order in which to ask them.

        Whoever holds the conversation goes first, or whoever holds a beginning of at least half of the prompt. A
        beginning that many conversations share, such as a system prompt, draws them to one replica only until that
        one was given more new work than its share; then another one learns it too. A conversation that begins goes
        where there is room, or where the conversation that is forgotten for it was idle for longest, whichever replica
        that is. One that goes on and was forgotten takes the place of the one that was last at work: where there are
        more than fit, one replica then forgets, and the others keep theirs. Where other processes see the turns that
        this one does not, the opening decides, the same in all of them. Whoever has far more in work than the others
        comes last.

        Args:
            loads: tokens that each replica works on.
        """
        self._meet(loads)
        place, found = self._longest(prefix, loads)
        size = prefix.sizes[place] if found else 0
        goes_on = bool(found) and prefix.answered[place]
        binds = goes_on or 2 * size >= prefix.sizes[-1]
        busy = _above(loads, _SLACK_TOKENS + (size // _CHARS_PER_TOKEN if binds else 0))
        full = _above({name: self._given[name] for name in loads}, _SLACK_BYTES + (size if binds else 0))
        holders = {name for name in loads if binds and found & self._bits[name] and (goes_on or name not in full)}
        if self._sees_all and goes_on:
            holders = {name for name in holders if self._slots[name].keeps(prefix.opening)}
        costs = self._costs(prefix, loads, forgotten=goes_on and not holders)

        def rank(name: str) -> tuple[bool, bool, bool, tuple[int, int], bytes]:
            cost = costs.get(name, _NO_COST)
            return name in busy, name not in holders, name in full, cost, _score(name, prefix.opening)

        return sorted(loads, key=rank)

    def began(self, prefix: Prefix, name: str, slots: int = 1) -> None:
        """A prompt is sent to a replica that keeps at least so many conversations. `ended` must follow."""
        self._meet((name,))
        self._slots[name].count = slots
        self._slots[name].began(prefix.opening)

    def ended(self, prefix: Prefix, name: str, cached: float | None = None) -> None:
        """It is over; `cached` is the share of the prompt that the replica still had, where it told."""
        self._now += 1
        said = prefix.said_before
        found = None if cached is None or not said else cached >= _FOUND * said
        self._slots[name].ended(prefix.opening, self._now, found)

    def served(self, prefix: Prefix, name: str) -> None:
        """A replica was sent a prompt, so it holds all its beginnings now."""
        self._meet((name,))
        bit = self._bits[name]
        place, found = self._longest(prefix, (name,))
        self._account(name, prefix.sizes[-1] - (prefix.sizes[place] if found else 0))
        self._see(prefix)
        for link in prefix.links:
            self._note(link, bit)

    def forget(self, name: str) -> None:
        """A replica is gone. Its bit is never another's, for beginnings are still marked with it."""
        for known in (self._bits, self._given, self._slots):
            known.pop(name, None)

    @property
    def _sees_all(self) -> bool:
        """Whether this process sees nearly all turns of the conversations it sees."""
        return _STRANGE * self._strange_turns <= self._later_turns

    def _costs(self, prefix: Prefix, names: Iterable[str], *, forgotten: bool) -> dict[str, tuple[int, int]]:
        """What each replica has to forget for a conversation; nothing where all processes must agree."""
        if not self._sees_all or (prefix.goes_on and not forgotten):
            return {}
        costs = {name: self._slots[name].next_to_go for name in names}
        return {name: _reversed(*cost) for name, cost in costs.items()} if forgotten else costs

    def _see(self, prefix: Prefix) -> None:
        """Note whether this process knew a conversation that goes on; if not, another one began it."""
        if not prefix.goes_on:
            return
        place, found = self._longest(prefix, self._bits)
        self._later_turns += 1
        self._strange_turns += not (found and prefix.answered[place])
        if self._later_turns > _FORGET_TURNS:
            self._later_turns, self._strange_turns = self._later_turns // 2, self._strange_turns // 2

    def _longest(self, prefix: Prefix, names: Iterable[str]) -> tuple[int, int]:
        """The place of the longest beginning that one of some replicas holds, and all who hold it, as bits."""
        asked = sum(self._bits[name] for name in names)
        for place in range(len(prefix.links) - 1, -1, -1):
            found = self._find(prefix.links[place])
            if found & asked:
                return place, found
        return 0, 0

    def _find(self, link: int) -> int:
        return self._young.get(link) or self._old.get(link, 0)

    def _note(self, link: int, bit: int) -> None:
        self._young[link] = self._find(link) | bit
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}

    def _meet(self, names: Iterable[str]) -> None:
        """One that comes later begins where the others are, or it would be given all that is new."""
        given = self._given
        for name in names:
            if name not in self._bits:
                self._bits[name] = 1 << self._met
                self._met += 1
                given[name] = sum(given.values()) // len(given) if given else 0
                self._slots[name] = Slots()

    def _account(self, name: str, size: int) -> None:
        """Count bytes that a replica had to read, and an answer."""
        given = self._given
        given[name] += size + _ANSWER_BYTES
        if sum(given.values()) > _FORGET_BYTES * len(given):
            self._given = {replica: count // 2 for replica, count in given.items()}


def _reversed(kind: int, taken: int) -> tuple[int, int]:
    """Room goes first as ever, then who was at work last."""
    return (0, taken) if kind == ROOM else (IN_USE - kind + 1, -taken)


def _above(loads: Mapping[str, int], slack: int) -> frozenset[str]:
    """Those with more than their share, and a quarter, and so much more."""
    bound = _BOUND * sum(loads.values()) / len(loads) + slack
    return frozenset(name for name, load in loads.items() if load > bound)


def _score(name: str, opening: bytes) -> bytes:
    """Rendezvous hashing: the order of replicas for one opening, which others' coming and going does not change."""
    return hashlib.blake2b(opening + name.encode(), digest_size=8).digest()
