"""The jobs worker: brings the journal into the database until it is told to stop, then once more."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from homeport.jobs.schedule import pause
from homeport.storage.db import unusable
from homeport.storage.ingest import Ingested

logger = logging.getLogger(__name__)

_EVERY = 0.25
_AFTER_FAILURE = 2.0


async def work(ingest: Callable[[], Ingested], stop: asyncio.Event) -> None:
    """Ingest four times a second; after a failure say why and try again: the journal keeps everything."""
    while True:
        # Asked before the pass: what is recorded while it runs is for one more.
        is_last = stop.is_set()
        wait = _EVERY
        try:
            await asyncio.to_thread(ingest)
        except SQLAlchemyError as error:
            logger.error("the journal keeps what is new, for %s", unusable(error).message.partition("\n")[0])
            wait = _AFTER_FAILURE
        if is_last:
            return
        await pause(stop, wait)
