"""Whether prompts are those of before, beside the jobs worker and for the command line."""

import asyncio
import logging
from hashlib import blake2b

from sqlalchemy import Engine

from homeport.api.auth import read_pepper
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.drift.prompt_features import PromptReader
from homeport.embeddings.choose import Model, open_embedder
from homeport.evaluation.metrics.languages import language_of
from homeport.jobs import inputs
from homeport.jobs.inputs import InputRules, InputWatch
from homeport.jobs.schedule import repeat
from homeport.storage.holders import read_home_id

logger = logging.getLogger(__name__)

_RECORDED = b"recording"
_PERSON = b"homeport-inputs"
_MOST_DAYS = 30


async def watch_inputs(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Compare prompts until told to stop; returns at once where nobody wants to know."""
    if not (settings.evaluation.enabled and settings.evaluation.prompt_drift.enabled):
        return
    try:
        watch = build_watch(settings, home, engine)
    except ConfigError as error:
        logger.error("prompts are not compared: %s; %s", error.message, error.hint)
        return
    failure = "prompts could not be compared; it is tried again"
    await repeat(watch.look, SystemClock(), stop, every_s=inputs.EVERY_S, failure=failure)


def build_watch(settings: Settings, home: Home, engine: Engine) -> InputWatch:
    """What compares the prompts of a state folder.

    Raises:
        ConfigError: the embedder cannot be loaded.
        StorageError: the state folder has no id, or no pepper.
    """
    wanted = settings.evaluation.prompt_drift
    rules = InputRules(
        home=read_home_id(home.identity),
        sample=wanted.sample,
        alpha=wanted.alpha,
        days=min(settings.capture.keep_days, _MOST_DAYS),
    )
    key = blake2b(read_pepper(home.pepper)[:64], digest_size=32, person=_PERSON).digest()
    return InputWatch(engine, body_store(settings, home), _reader(home, key), rules)


def try_prompt_drift(settings: Settings) -> str:
    """Whether prompts are compared, and what that lacks."""
    if not settings.evaluation.prompt_drift.enabled:
        return "off"
    lacking = [name for name in ("evaluation", "capture") if not getattr(settings, name).enabled]
    return f"nothing to look at: {' and '.join(lacking)} is off" if lacking else "on, for each project"


def recording_reader(home: Home) -> PromptReader:
    """What reads the prompts of a recording. Raises ConfigError where the embedder cannot be loaded."""
    return _reader(home, _RECORDED)


def _reader(home: Home, key: bytes) -> PromptReader:
    return PromptReader(open_embedder(Model.STATIC, home.root), language_of, key)
