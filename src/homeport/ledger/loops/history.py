"""What repeats in a conversation, read from its own messages: agents send their whole history with each call.

A turn is an answer with its calls, and what came back. It is stale where it brought nothing that was not there
before; one turn that brings something new ends a run of stale ones. So a healthy agent, which repeats calls but
between them does or learns something, is left alone.
"""

from collections import deque
from enum import StrEnum

import msgspec

from homeport.ledger.loops.likeness import Leaders, Steps
from homeport.ledger.loops.messages import Fact, Item, Kind
from homeport.ledger.loops.texts import Mood, Text, near

_WAITING_WEIGHT = 1 / 4
_SIMILAR_WEIGHT = 1 / 2
# A person may well say the same again, and be told the same.
_TALK_WEIGHT = 1 / 3
_ALIKE_WEIGHT = 1 / 4
_ALIKE = 0.5
_SAME = 0.8
_LEAST_WORDS = 12
_TALK_WORDS = 8
_ANSWERS = 20
_OPENINGS = 3
_FAILURE_WEIGHT = 2 / 3
_LEAST_CONTEXT = 4
_STALE_SHARE = 0.7
_STALE_TURNS = 0.35


class Signal(StrEnum):
    """What repeated. `RESULT` is a call with its result, `ERROR` a tool's failure whatever the numbers in it."""

    RESULT = "same_result"
    ERROR = "same_error"
    EXCHANGE = "same_exchange"
    ANSWER = "same_answer"
    CONTEXT = "growing_context"
    REQUEST = "same_request"
    LIMIT = "trace_limit"
    RATE = "rate"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that repeats.

    Attributes:
        score: how often it happened, less where each time is weak evidence: a poll's `pending` counts a quarter.
        repeats: how often it happened.
        run: stale turns in a row.
        same: how often it happened in the run and right before it.
        cycle: whether the last turns came in the order of those before them.
        name: the tool's; "" where it is about text.
        answer_at, result_at: indices of the messages that show it; -1 where there is none.
    """

    signal: Signal
    score: float
    repeats: int
    run: int = 0
    same: int = 0
    cycle: bool = False
    name: str = ""
    answer_at: int = -1
    result_at: int = -1


class _Turn:
    """An answer, and what came back."""

    __slots__ = ("answer_at", "calls", "result_at", "results", "said", "told", "users")

    def __init__(self) -> None:
        self.said: Text | None = None
        self.calls: list[Item] = []
        self.results: list[Item] = []
        self.users: list[Item] = []
        self.told: list[Item] = []
        self.answer_at = -1
        self.result_at = -1

    @property
    def answered(self) -> bool:
        return self.answer_at >= 0

    @property
    def pauses(self) -> bool:
        return bool(self.calls) and all(call.mood is Mood.WAITS for call in self.calls)

    def pairs(self) -> list[tuple[Item, Item]]:
        """Each call with its result: by id, else in their order."""
        by_id = {result.id: result for result in self.results if result.id}
        rest = iter([result for result in self.results if not result.id] or self._replies())
        joined = [(call, by_id.get(call.id) if call.id else next(rest, None)) for call in self.calls]
        return [(call, result) for call, result in joined if result is not None]

    def _replies(self) -> list[Item]:
        # An agent whose calls are text is told their results as a user's text, or as the system's.
        return [*self.told, *self.users] if all(not call.id for call in self.calls) else []


class _Stale(msgspec.Struct, frozen=True):
    """How sure it is that a turn was stale: 0 for a new one. `count` includes this time.

    `step` is the same for turns that did the same.
    """

    weight: float = 0.0
    count: int = 1
    signal: Signal = Signal.RESULT
    name: str = ""
    key: int = 0
    step: int = 0


_NEW = _Stale()


class Walk:
    """Takes a conversation's messages in their order. It can go on where an earlier request ended.

    Attributes:
        messages: how many were taken.
    """

    def __init__(self, messages: int = 0) -> None:
        self.messages = messages
        self._turn = _Turn()
        self._seen: dict[int, int] = {}
        self._arguments: dict[int, Text] = {}
        self._users: set[int] = set()
        self._alike = Leaders(_ALIKE, figures=False, least=_TALK_WORDS + 1)
        self._same = Leaders(_SAME, figures=True)
        self._answers: deque[tuple[int, int]] = deque(maxlen=_ANSWERS)
        self._steps = Steps()
        self._asked = 0
        self._paused = self._ordered = False
        self._same_answers = 0
        self._score = 0.0
        self._run = 0
        self._in_run: dict[int, int] = {}
        self._stale = _NEW
        self._last = self._turn
        self._chars = self._stale_chars = self._turns = self._stale_turns = 0
        self._context = 0.0

    def take(self, fact: Fact) -> None:
        for item in fact.items:
            self._take(self.messages, item)
        self.messages += 1

    def _take(self, at: int, item: Item) -> None:
        turn, kind = self._turn, item.kind
        if kind is Kind.SAID or kind is Kind.CALL:
            ended = turn.results or turn.users or turn.told or (kind is Kind.SAID and turn.answered)
            if ended:
                self.close()
                turn = self._turn
            turn.answer_at = at
            if kind is Kind.SAID:
                turn.said = item.text
            else:
                turn.calls.append(item)
        elif kind is Kind.RESULT:
            turn.results.append(item)
            turn.result_at = at
        elif kind is Kind.USER:
            turn.users.append(item)
            turn.result_at = at
        elif turn.answered:
            turn.told.append(item)
            turn.result_at = at

    def close(self) -> None:
        """The request is over, or the next answer begins: was the turn stale?"""
        turn, self._turn = self._turn, _Turn()
        told = [user.text for user in turn.users]
        woken = self._wakes(turn)
        if turn.answered:
            self._ended(turn, woken)
        self._ordered = bool(told) and (bool(turn.results) or not turn.calls)
        if told:
            self._asked = told[-1].opening
        fresh = [text.key for text in told if text.key not in self._users]
        self._users.update(text.exact for text in told)
        if fresh:
            self._users.update(fresh)
            if turn.calls and turn.results:
                self._score, self._run = 0.0, 0
                self._in_run.clear()
            self._chars = self._stale_chars = self._turns = self._stale_turns = 0
            self._context = 0.0

    def _wakes(self, turn: _Turn) -> bool:
        """Whether the same words came at another time, by what they say: somebody looks again, as with a poll."""
        users = [] if turn.calls and not turn.results else turn.users
        return any(
            user.text.key in self._users and user.text.exact not in self._users and user.mood is not Mood.FAILS
            for user in users
        )

    def _ended(self, turn: _Turn, woken: bool) -> None:
        pauses, paused = turn.pauses, self._paused
        self._paused = pauses
        if pauses and not paused:
            return  # A pause between two looks is neither news nor a repeat.
        pairs = turn.pairs()
        stale = self._tools(pairs) if pairs else self._talk(turn)
        # What somebody has just asked for is done again because they asked again.
        most = 0.0 if woken else _WAITING_WEIGHT if pauses else _TALK_WEIGHT if self._ordered else 1.0
        self._judge(turn, msgspec.structs.replace(stale, weight=most) if stale.weight > most else stale)

    def findings(self) -> list[Finding]:
        """What repeats at the end of the turns so far; nothing where the last one was new."""
        found: list[Finding] = []
        stale = self._stale
        if self._run:
            found.append(self._found(stale.signal, self._score + 1, stale.count, stale.name))
            many = self._stale_turns >= _STALE_TURNS * self._turns and self._stale_chars >= _STALE_SHARE * self._chars
            if many and stale.count >= _LEAST_CONTEXT:
                found.append(self._found(Signal.CONTEXT, self._context, self._stale_turns, stale.name))
        if self._same_answers > 1:
            found.append(self._found(Signal.ANSWER, self._same_answers, self._same_answers))
        return found

    def _found(self, signal: Signal, score: float, repeats: int, name: str = "") -> Finding:
        last, same = self._last, self._in_run.get(self._stale.key, 0) + 1
        if signal is Signal.EXCHANGE and self._run >= 2 * len(self._in_run):
            same = max(same, self._run)  # Of words there are few kinds, as "let me try again".
        return Finding(
            signal=signal,
            score=score,
            repeats=repeats,
            run=self._run,
            same=same,
            cycle=self._steps.cycle(),
            name=name,
            answer_at=last.answer_at,
            result_at=last.result_at,
        )

    def _judge(self, turn: _Turn, stale: _Stale) -> None:
        self._last = turn
        items = (*turn.calls, *turn.results)
        chars = sum(item.text.chars for item in items) + (turn.said.chars if turn.said else 0)
        self._chars += chars
        self._turns += 1
        self._steps.add(stale.step)
        if stale.weight == 0:
            if turn.calls:
                self._answers.clear()
            self._score, self._run = 0.0, 0
            self._in_run.clear()
            return
        self._in_run[stale.key] = self._in_run.get(stale.key, 0) + 1
        self._score += stale.weight
        self._run += 1
        self._stale = stale
        if stale.weight == 1:
            self._stale_turns += 1
            self._stale_chars += chars
            # Who looks for a fault sees it many times.
            self._context += _FAILURE_WEIGHT if any(result.mood is Mood.FAILS for result in turn.results) else 1.0

    def _tools(self, pairs: list[tuple[Item, Item]]) -> _Stale:
        """As stale as the newest of its calls."""
        self._same_answers = 0
        counted: set[int] = set()
        stale = min((self._call(call, result, counted) for call, result in pairs), key=lambda stale: stale.weight)
        step = hash(tuple([(call.name, call.text.key, result.text.blurred) for call, result in pairs]))
        return msgspec.structs.replace(stale, step=step)

    def _call(self, call: Item, result: Item, counted: set[int]) -> _Stale:
        text = result.text
        exact = hash((call.name, call.text.key, text.key))
        same = self._count(exact, counted)
        found = _NEW
        if same > 1:
            weight = _WAITING_WEIGHT if result.mood is Mood.WAITS else 1.0
            found = _Stale(weight, same, Signal.RESULT, call.name, exact)
        if result.mood is Mood.FAILS:
            failure = hash((call.name, text.blurred))
            failed = self._count(failure, counted)
            if same == 1 and failed > 1:
                found = _Stale(_SIMILAR_WEIGHT, failed, Signal.ERROR, call.name, failure)
        elif text.words >= _LEAST_WORDS:
            told = hash((call.name, text.key, "told"))
            times = self._count(told, counted)
            before = self._arguments.get(told)
            self._arguments[told] = call.text
            if same == 1 and before is not None and near(before, call.text):
                found = _Stale(_SIMILAR_WEIGHT, times, Signal.RESULT, call.name, told)
        return found

    def _talk(self, turn: _Turn) -> _Stale:
        """An answer without calls, and what came back to it."""
        said = turn.said or Text()
        like = self._alike.of(said)
        self._same_answers = self._answered(said)
        # What a person says is the same only word for word: a batch has long questions that are nearly the same.
        told = [user.text.key for user in turn.users]
        results = [result.text.key for result in (*turn.results, *turn.told)]
        key = hash((like.key, *told, *results))
        count = self._count(key, set())
        if count == 1:
            return self._told_off(turn) or _Stale(step=key)
        if turn.results:
            waits = all(result.mood is Mood.WAITS for result in turn.results)
            return _Stale(_WAITING_WEIGHT if waits else 1.0, count, Signal.RESULT, "", key, key)
        return _Stale(_spoken(turn, said, like), count, Signal.EXCHANGE, "", key, key)

    def _told_off(self, turn: _Turn) -> _Stale | None:
        """Another answer, but the same complaint as before: somebody who cannot be pleased, as a strict parser."""
        failed = [user.text.key for user in turn.users if user.mood is Mood.FAILS]
        if not failed or turn.results:
            return None
        complaint = hash((*failed, "complaint"))
        count = self._count(complaint, set())
        weight = _ALIKE_WEIGHT if count > 1 else 0.0
        return _Stale(weight, count, Signal.ERROR, "", complaint, complaint)

    def _answered(self, said: Text) -> int:
        """How many of the last answers were this one, of some length; 0 for data, or for items that begin alike."""
        answer = self._same.of(said).key
        self._answers.append((answer, self._asked))
        if said.words < _TALK_WORDS or said.structured:
            return 0
        openings = [opening for one, opening in self._answers if one == answer]
        return len(openings) if len(set(openings)) >= _OPENINGS else 0

    def _count(self, key: int, counted: set[int]) -> int:
        """How many turns had it; calls in parallel count once."""
        count = self._seen.get(key, 0)
        if key not in counted:
            counted.add(key)
            count += 1
            self._seen[key] = count
        return count


def _spoken(turn: _Turn, said: Text, like: Text) -> float:
    """How sure it is that an exchange that was there before is a loop."""
    if not turn.users and not turn.told:
        return 1.0 if said.words > _TALK_WORDS else _SIMILAR_WEIGHT
    return _TALK_WEIGHT if said.key == like.key else _ALIKE_WEIGHT
