"""Outputs that were drawn for the judge are graded, each once in an epoch, in rounds of a few at a time.

A grade is kept when its answer was read: who dies in between asks again, and keeps one grade all the same. What fails
is tried again later, and given up with a label after some tries; what is only held up, by a budget or for want of room,
is not. What may not leave home is asked with the class that keeps it there.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.core.ports import Clock
from homeport.core.types import DataClass, Target
from homeport.evaluation.judge import PROMPT_VERSION, Judged, Prompt, grading_prompt
from homeport.evaluation.metrics.base import Message, ToolCall
from homeport.evaluation.rubrics import Epoch, Rubric
from homeport.evaluation.verdicts import read_grade
from homeport.jobs.judge_calls import Fate, Questions, Reply
from homeport.jobs.judge_purse import Purse, unpriced
from homeport.storage.bodies import BodyStore
from homeport.storage.judgements import (
    JudgeEpoch,
    Judgement,
    WaitingOutput,
    add_judgement,
    begin_epoch,
    waiting_outputs,
)
from homeport.traces.said import said

logger = logging.getLogger(__name__)

MAX_TRIES = 5
"""Of an output whose judge fails; one that we ourselves hold up is tried until it is too old."""

NOT_KEPT = "not_kept"
UNREADABLE = "unreadable"

_SECOND = 1_000_000_000
_FIRST_PAUSE_NS = 10 * _SECOND
_LONGEST_PAUSE_NS = 600 * _SECOND
_REVISION = 12


class State(StrEnum):
    """What came of a round.

    WORKED: outputs were graded or given up. IDLE: none waits. CAPPED: what a day may cost is spent. UNPRICED: the
    judge's price is not known, so no cap could hold. HELD: none could be asked.
    """

    WORKED = "worked"
    IDLE = "idle"
    CAPPED = "capped"
    UNPRICED = "unpriced"
    HELD = "held"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How outputs are judged.

    Attributes:
        home: id of the state folder; outputs of others are theirs to judge.
        model: who is asked.
        longest: of its answers, in tokens.
        only_grade: it says its grade without a word of why.
        since_ns: what is older than this, in nanoseconds, is not judged any more.
    """

    home: str
    model: str
    rubric: Rubric
    concurrency: int
    longest: int
    since_ns: int
    only_grade: bool = False


class Round(msgspec.Struct, frozen=True):
    """What came of a round, of which epoch; `why` is a stable code or a name where it says more than the state."""

    state: State
    epoch: str
    why: str = ""


class _Put(msgspec.Struct, frozen=True):
    """An output that is to be asked about."""

    output: WaitingOutput
    prompt: Prompt
    private: bool


class _Trouble(msgspec.Struct, frozen=True):
    """How often an output could not be judged, and from when on it is tried again; `cost` is that of its tries."""

    failures: int = 0
    pauses: int = 0
    due: int = 0
    cost: int = 0


class Judging:
    """Of one state folder.

    Args:
        targets: who answers for the judge's model now.
        fence: makes what nobody can guess, see evaluation/judge.py.
    """

    def __init__(
        self,
        engine: Engine,
        bodies: BodyStore,
        questions: Questions,
        purse: Purse,
        terms: Terms,
        *,
        targets: Callable[[], Sequence[Target]],
        clock: Clock,
        fence: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._bodies = bodies
        self._questions = questions
        self._purse = purse
        self._terms = terms
        self._targets = targets
        self._clock = clock
        self._fence = fence
        self._epoch = ""
        self._trouble: dict[str, _Trouble] = {}

    async def round(self) -> Round:
        """Judge the next few outputs.

        Raises:
            HomeportError: nobody has the judge's name, or what was kept cannot be read.
            SQLAlchemyError: nothing is lost; another round may do better.
        """
        targets = self._targets()
        epoch = await asyncio.to_thread(self._begin, targets)
        if self._purse.most is not None and (names := unpriced(targets)):
            return Round(State.UNPRICED, epoch, names[0])
        puts, gone = await asyncio.to_thread(self._next, epoch)
        if not puts:
            return Round(State.WORKED if gone else State.IDLE, epoch)
        sizes = (put.prompt.bytes for put in puts)
        room = self._purse.room(targets, sizes, self._terms.longest)
        if not room:
            return Round(State.CAPPED, epoch)
        fates = await asyncio.gather(*(self._put(put, epoch) for put in puts[:room]))
        troubled = all(fate in (Fate.HELD, Fate.FAILED) for fate, _ in fates)
        return Round(State.HELD, epoch, fates[0][1]) if troubled else Round(State.WORKED, epoch)

    def _begin(self, targets: Sequence[Target]) -> str:
        """The epoch of now."""
        epoch = epoch_of(self._terms, targets)
        if epoch.digest != self._epoch:
            rubric = epoch.rubric
            begin_epoch(
                self._engine,
                JudgeEpoch(
                    epoch=epoch.digest,
                    began_at=self._clock.wall_ns(),
                    model=epoch.model,
                    rubric=rubric.name,
                    rubric_version=rubric.version,
                ),
            )
            self._epoch = epoch.digest
        self._purse.look(self._clock.wall_ns(), self._epoch)
        return self._epoch

    def _next(self, epoch: str) -> tuple[list[_Put], int]:
        """What to ask about next, and how many outputs were given up, for nobody knows what was said."""
        now, puts, gone = self._clock.wall_ns(), list[_Put](), 0
        since = now - self._terms.since_ns
        most = self._terms.concurrency + len(self._trouble)
        for output in waiting_outputs(self._engine, self._terms.home, epoch, since, most):
            if len(puts) == self._terms.concurrency:
                break
            if self._trouble.get(output.request_id, _Trouble()).due > now:
                continue
            kept, why = self._kept(output)
            if kept is None:
                gone += 1
                self._keep(output, epoch, None, why, Reply(fate=Fate.REFUSED, request_id=""))
            else:
                puts.append(
                    _Put(
                        output,
                        prompt_of(kept, self._terms, self._fence),
                        is_private(kept) or output.data_class != DataClass.OPEN,
                    )
                )
        return puts, gone

    def _kept(self, output: WaitingOutput) -> tuple[Captured | None, str]:
        """What was said, or why it is not known."""
        try:
            there = self._bodies.has(output.request_id, output.started_at)
            return (self._bodies.get(output.request_id) if there else None), NOT_KEPT
        except StorageError as error:
            logger.error("an output is not judged: %s", error.message)
            return None, UNREADABLE

    async def _put(self, put: _Put, epoch: str) -> tuple[Fate, str]:
        reply = await self._questions.ask(put.prompt, put.output.key_id, private=put.private)
        self._purse.paid(reply.request_id, reply.cost)
        await asyncio.to_thread(self._settle, put.output, epoch, reply)
        return reply.fate, reply.error

    def _settle(self, output: WaitingOutput, epoch: str, reply: Reply) -> None:
        if reply.fate is Fate.ANSWERED:
            verdict = read_grade(reply.text, reply.finish)
            self._keep(output, epoch, verdict.score, verdict.label, reply)
            return
        before = self._trouble.get(output.request_id, _Trouble())
        failures = before.failures + int(reply.fate is Fate.FAILED)
        if reply.fate is Fate.REFUSED or failures >= MAX_TRIES:
            self._keep(output, epoch, None, reply.error, reply)
            return
        self._trouble[output.request_id] = _Trouble(
            failures=failures,
            pauses=before.pauses + 1,
            due=self._clock.wall_ns() + min(_FIRST_PAUSE_NS << min(before.pauses, 10), _LONGEST_PAUSE_NS),
            cost=before.cost + reply.cost,
        )

    def _keep(self, output: WaitingOutput, epoch: str, score: float | None, label: str, reply: Reply) -> None:
        before = self._trouble.pop(output.request_id, _Trouble())
        judgement = Judgement(
            request_id=output.request_id,
            epoch=epoch,
            judged_at=self._clock.wall_ns(),
            score=score,
            label=label,
            judge_request_id=reply.request_id,
            cost=before.cost + reply.cost,
        )
        add_judgement(self._engine, judgement)


def epoch_of(terms: Terms, targets: Sequence[Target]) -> Epoch:
    """The epoch of a judge: it is another one where its route leads to other models, or to other revisions of them."""
    names = {f"{one.name}={one.model}@{one.revision[:_REVISION]}" for one in targets if not one.draining}
    return Epoch(
        model=f"{terms.model}: {', '.join(sorted(names))}",
        rubric=terms.rubric,
        prompt_version=PROMPT_VERSION,
        only_grade=terms.only_grade,
    )


def judged_of(kept: Captured) -> Judged:
    """What a judge sees of a kept request."""
    told = said(kept)
    return Judged(
        messages=[Message(message.role, message.text) for message in told.messages],
        answer=told.answer,
        tool_calls=[ToolCall(call.name, call.arguments) for call in told.tool_calls],
    )


def prompt_of(kept: Captured, terms: Terms, fence: Callable[[], str]) -> Prompt:
    """What the judge is asked about it. A fence is random, so where one is in it, another one is not."""
    judged = judged_of(kept)
    while True:
        try:
            return grading_prompt(judged, terms.rubric, fence(), only_grade=terms.only_grade)
        except ValueError:
            continue


def is_private(kept: Captured) -> bool:
    """Whether it may only be judged at home: also what left home redacted, for its judge would see all of it."""
    return kept.hidden or kept.data_class is not DataClass.OPEN
