"""A configuration that a running gateway adopts is a change like any other: the audit log has it."""

import asyncio
import logging
from collections.abc import Callable

from homeport.config.redact import digest_of, shown
from homeport.config.schema import Settings
from homeport.core.audit import HOMEPORT
from homeport.storage.audit import Recorder

logger = logging.getLogger(__name__)


def noting(record: Recorder, first: Settings) -> Callable[[Settings], None]:
    """What writes down settings that differ from those before, beside the requests.

    Args:
        first: what holds when the process starts.
    """
    holds = first

    def note(changed: Settings) -> None:
        nonlocal holds
        before, holds = holds, changed
        if digest_of(before) != digest_of(changed):
            asyncio.get_running_loop().run_in_executor(None, _write, record, before, changed)

    return note


def _write(record: Recorder, before: Settings, after: Settings) -> None:
    """The sections that differ, without secrets; of a changed secret the digest tells."""
    told = [{**shown(one), "digest": digest_of(one)} for one in (before, after)]
    try:
        record(HOMEPORT, "config.adopt", digest_of(after), told[1], told[0])
    except Exception:  # nobody waits for it: what cannot be written down is in the log at least
        logger.exception("the audit log could not take that the configuration changed")
