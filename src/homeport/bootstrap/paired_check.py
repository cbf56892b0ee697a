"""Inputs that are asked again, beside the judge: its answers are graded in the same path, and paid likewise."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.dialects import dialects
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.path import RequestPath
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import HomeportError
from homeport.core.ports import Clock
from homeport.core.types import Surface, Target
from homeport.jobs import paired_check
from homeport.jobs.judge_calls import Questions
from homeport.jobs.judging import Terms
from homeport.jobs.paired_check import CheckRules, Hints, PairedCheck
from homeport.jobs.regrading import Regrader
from homeport.jobs.schedule import pause
from homeport.storage.rollups import DAY

logger = logging.getLogger(__name__)


def answering(path: RequestPath, name: str) -> Sequence[Target]:
    """Who answers chats by a name now. Raises NotFound."""
    return [one for one in path.catalogue.resolve(name)[0] if one.answers(Surface.CHAT)]


def build_paired_check(
    path: RequestPath,
    settings: Settings,
    questions: Questions,
    terms: Terms,
    engine: Engine,
    home: Home,
    hints: Hints,
    fence: Callable[[], str],
) -> PairedCheck:
    """What asks again in a path. Its settings have a judge."""
    judge, wanted = settings.evaluation.judge, settings.evaluation.watch.paired_check
    assert judge is not None
    regrader = Regrader(
        path,
        partial(answering, path),
        dialects(),
        questions,
        terms,
        key=judge.key,
        bounded=wanted.most_per_day is not None,
        fence=fence,
    )
    rules = CheckRules(inputs=wanted.inputs, most_per_day=wanted.most_per_day, kept_ns=settings.capture.keep_days * DAY)
    return PairedCheck(engine, body_store(settings, home), regrader, rules, hints, random.SystemRandom())


async def check_pairs(check: PairedCheck, clock: Clock, stop: asyncio.Event) -> None:
    """Do what is due until told to stop; what fails is done again."""
    while not stop.is_set():
        try:
            await check.work(clock.wall_ns())
        except (HomeportError, SQLAlchemyError, OSError) as error:
            logger.error(
                "inputs could not be asked again: %s",
                error if isinstance(error, HomeportError) else type(error).__name__,
            )
        await pause(stop, paired_check.EVERY_S)
