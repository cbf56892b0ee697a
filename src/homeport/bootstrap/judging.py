"""The judge beside the jobs worker."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.auth import OwnerRing
from homeport.api.dialects import dialects
from homeport.bootstrap.beside import beside
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.paired_check import answering, build_paired_check, check_pairs
from homeport.bootstrap.path import RequestPath, SystemClock
from homeport.bootstrap.storage import key_ring, refresh_keys
from homeport.config.home import Home
from homeport.config.judge import JudgeSettings
from homeport.config.schema import Settings
from homeport.core.errors import HomeportError
from homeport.core.purposes import QUALITY_CHECK, QUALITY_JUDGE
from homeport.core.types import Surface
from homeport.evaluation.rubrics import QUALITY, Rubric
from homeport.jobs.judge_calls import Questions
from homeport.jobs.judge_purse import Purse
from homeport.jobs.judging import Judging, Round, State, Terms
from homeport.jobs.paired_check import Hints
from homeport.jobs.schedule import pause
from homeport.storage.holders import read_home_id
from homeport.storage.judgements import count_waiting
from homeport.storage.published import publish
from homeport.storage.standing_judge import JudgeStanding
from homeport.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_IDLE_S = 3.0
_CAPPED_S = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0
_STALE_NS = 900 * 1_000_000_000
_TOLD_EVERY_NS = 5 * 1_000_000_000
_DAY_NS = 86_400 * 1_000_000_000
_FENCE_BYTES = 8
_WORDS = {
    State.CAPPED: "the judge waits until midnight (UTC): evaluation.judge.most_usd_per_day is spent",
    State.UNPRICED: "the judge is not asked, for its price is not known: add it to `prices`, "
    "or write most_usd_per_day: null",
    State.HELD: "the judge could not be asked; it is tried again",
}


async def watch_judging(settings: Settings, home: Home, engine: Engine, hints: Hints, stop: asyncio.Event) -> None:
    """Judge what is drawn until told to stop; returns at once where nobody wants to know.

    Args:
        hints: routes whose inputs are asked again daily.
    """
    wanted = settings.evaluation.judge
    if wanted is None or not settings.evaluation.enabled:
        home.judge.unlink(missing_ok=True)
        return
    while not stop.is_set():
        try:
            await _judge(settings, wanted, home, engine, hints, stop)
        except (HomeportError, SQLAlchemyError, OSError) as error:
            told = error.message if isinstance(error, HomeportError) else type(error).__name__
            logger.error("the judge waits: %s", told)
            await pause(stop, _LONGEST_PAUSE_S / 10)


def rubric_of(wanted: JudgeSettings) -> Rubric:
    """The rubric that is chosen."""
    own = wanted.rubrics.get(wanted.rubric)
    return QUALITY if own is None else Rubric(name=wanted.rubric, version=own.version, text=own.text)


def try_judge(settings: Settings) -> str:
    """Who judges what is drawn, and by what."""
    wanted = settings.evaluation.judge
    if wanted is None:
        return "off"
    rubric = rubric_of(wanted)
    payer = f"paid by {wanted.key}" if wanted.key else "paid by the key of each request"
    text = "" if settings.capture.enabled else "; what is said is not kept, so there is nothing to judge"
    return f"{wanted.model}, by {rubric.name} v{rubric.version}, {payer}{text}"


async def _judge(
    settings: Settings, wanted: JudgeSettings, home: Home, engine: Engine, hints: Hints, stop: asyncio.Event
) -> None:
    keys = key_ring(engine, home)
    path = RequestPath(settings, home, OwnerRing(keys), Metrics(), engine)

    async def renew() -> None:
        path.adopt(settings)

    tasks = (partial(refresh_keys, keys, path.reserve), partial(path.follow_engines, renew))
    async with path.running(), beside(*tasks):
        await path.wait_for_engines()
        purse, terms = Purse(engine, wanted.most_per_day), _terms(settings, wanted, home)
        judging = _judging(path, settings, wanted, terms, purse, engine, home)
        async with beside(*_checking(path, settings, wanted, terms, engine, home, hints, stop)):
            await _Rounds(judging, purse, terms, home, engine).run(stop)


def _checking(
    path: RequestPath,
    settings: Settings,
    wanted: JudgeSettings,
    terms: Terms,
    engine: Engine,
    home: Home,
    hints: Hints,
    stop: asyncio.Event,
) -> Sequence[Callable[[], Awaitable[None]]]:
    """What asks inputs again, where that is wanted."""
    watch = settings.evaluation.watch
    if not (watch.enabled and watch.paired_check.enabled and settings.capture.enabled):
        return ()
    questions = _questions(path, wanted, QUALITY_CHECK)
    check = build_paired_check(path, settings, questions, terms, engine, home, hints, _fence)
    return (partial(check_pairs, check, SystemClock(), stop),)


def _terms(settings: Settings, wanted: JudgeSettings, home: Home) -> Terms:
    return Terms(
        home=read_home_id(home.identity),
        model=wanted.model,
        rubric=rubric_of(wanted),
        concurrency=wanted.concurrency,
        longest=wanted.max_tokens,
        only_grade=wanted.only_grade,
        since_ns=min(settings.capture.keep_days, settings.evaluation.keep_days) * _DAY_NS,
    )


def _judging(
    path: RequestPath,
    settings: Settings,
    wanted: JudgeSettings,
    terms: Terms,
    purse: Purse,
    engine: Engine,
    home: Home,
) -> Judging:
    return Judging(
        engine,
        body_store(settings, home),
        _questions(path, wanted, QUALITY_JUDGE),
        purse,
        terms,
        targets=partial(answering, path, wanted.model),
        clock=SystemClock(),
        fence=_fence,
    )


def _questions(path: RequestPath, wanted: JudgeSettings, purpose: str) -> Questions:
    return Questions(
        path,
        dialects()[Surface.CHAT],
        model=wanted.model,
        key=wanted.key,
        max_tokens=wanted.max_tokens,
        temperature=wanted.temperature,
        only_grade=wanted.only_grade,
        purpose=purpose,
    )


def _fence() -> str:
    return secrets.token_hex(_FENCE_BYTES)


class _Rounds:
    """One after the other, with pauses, and told to whoever asks how the judge stands."""

    def __init__(self, judging: Judging, purse: Purse, terms: Terms, home: Home, engine: Engine) -> None:
        self._judging = judging
        self._purse = purse
        self._terms = terms
        self._home = home
        self._engine = engine
        self._clock = SystemClock()
        self._pause = _FIRST_PAUSE_S
        self._told: tuple[int, Round | None] = (0, None)
        self._warned = State.IDLE

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            done = await _unless(stop, self._round())
            if done is None:
                return
            self._warn(done)
            await self._tell(done)
            await pause(stop, self._seconds(done.state))

    async def _round(self) -> Round:
        try:
            return await self._judging.round()
        except SQLAlchemyError as error:
            return Round(State.HELD, "", type(error).__name__)

    def _seconds(self, state: State) -> float:
        """Until the next round: twice as long each time where none could be asked."""
        match state:
            case State.WORKED:
                seconds = 0.0
            case State.IDLE:
                seconds = _IDLE_S
            case State.CAPPED | State.UNPRICED:
                seconds = _CAPPED_S
            case State.HELD:
                seconds, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE_S)
                return seconds
        self._pause = _FIRST_PAUSE_S
        return seconds

    def _warn(self, done: Round) -> None:
        """Of each change."""
        if done.state in _WORDS and done.state is not self._warned:
            logger.warning("%s%s", _WORDS[done.state], f" ({done.why})" if done.why else "")
        self._warned = done.state

    async def _tell(self, done: Round) -> None:
        now = self._clock.wall_ns()
        at, last = self._told
        if last == done and 0 <= now - at < _TOLD_EVERY_NS:
            return
        try:
            publish(self._home.judge, await asyncio.to_thread(self._standing, done, now))
        except (SQLAlchemyError, OSError) as error:
            logger.error("how the judge stands could not be told: %s", type(error).__name__)
        self._told = now, done

    def _standing(self, done: Round, now: int) -> JudgeStanding:
        terms = self._terms
        since = now - terms.since_ns
        return JudgeStanding(
            stale_at=now + _STALE_NS,
            epoch=done.epoch,
            model=terms.model,
            rubric=terms.rubric.name,
            rubric_version=terms.rubric.version,
            state=done.state.value,
            why=done.why,
            waiting=count_waiting(self._engine, terms.home, done.epoch, since),
            spent=self._purse.spent,
            most=self._purse.most,
        )


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, Round]) -> Round | None:
    """What comes of a round; None where it was told to stop before: what is under way is billed, and asked again."""
    task, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        told.cancel()
        task.cancel()
        await asyncio.wait((task,))
