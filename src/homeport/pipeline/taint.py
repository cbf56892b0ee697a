"""What is known of a conversation's earlier turns, and what its later ones will know of this one."""

import logging
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from homeport.core.errors import StorageError
from homeport.core.ports import Taints
from homeport.core.privacy import Action, Assessment, data_class_of
from homeport.core.sse import data_of, events
from homeport.core.types import Inference, Key, Surface
from homeport.privacy.fingerprints import of_name
from homeport.privacy.taint import STICKY, trail

logger = logging.getLogger(__name__)

CONVERSATION = "conversation"
UNKNOWN = "taints_unusable"


def _known_by(inference: Inference, scope: str) -> Iterator[bytes]:
    """Worked out where something is remembered at all."""
    yield from trail(inference, scope).known_by


class Conversations:
    """Makes a request as private as its conversation.

    Args:
        taints: None where nothing is remembered.
    """

    def __init__(self, taints: Taints | None) -> None:
        self._taints = taints

    def stricter(self, inference: Inference, key: Key, assessment: Assessment) -> Assessment:
        """The assessment of a request, as strict as the conversation was. Where nobody can say, it stays at home."""
        if self._taints is None:
            return assessment
        try:
            known = self._taints.of(_known_by(inference, key.id))
        except StorageError as error:
            logger.error("it is not known whether a conversation is private, so it stays at home: %s", error.message)
            return _raised(assessment, Action.LOCAL_ONLY, UNKNOWN)
        return _raised(assessment, known, f"{CONVERSATION}:{known}")

    def remember(
        self, inference: Inference, key: Key, assessment: Assessment, *, settled: bool = True
    ) -> "Sequel | None":
        """Keep for later turns that this one is private; what is still to be kept of its answer, if anything.

        Args:
            settled: all of its classes are those of its key and project, which later turns have too.

        Raises:
            StorageError: it cannot be kept, so the request must not be answered.
        """
        if self._taints is None or assessment.action not in STICKY:
            return None
        known = trail(inference, key.id)
        self._taints.remember(known.names, assessment.action)
        goes_on = assessment.reason.startswith(CONVERSATION) and known.names
        # What goes on with what others keep says only what is new: that alone is no conversation.
        if not goes_on and not _again(assessment, settled=settled):
            self._taints.remember(known.chain[-1:], assessment.action, unless=known.chain)
        return Sequel(self._taints, key, assessment.action) if inference.surface is Surface.RESPONSES else None


class Sequel:
    """Keeps the id of an answer that the next turn may go on with, before the caller is told it."""

    def __init__(self, taints: Taints, key: Key, action: Action) -> None:
        self._taints = taints
        self._key = key
        self._action = action
        self._done = False

    def tell(self, data: bytes) -> None:
        """Look at what the caller is about to be sent: an answer, or whole events of one.

        Raises:
            StorageError: its id cannot be kept, so it must not be sent.
        """
        for said in () if self._done else _objects(data):
            name = said.id or (said.response.id if said.response is not None else None)
            if name:
                self._taints.remember([of_name(name, self._key.id)], self._action)
                self._done = True
                return


class _Named(msgspec.Struct):
    id: str | None = None


class _Told(_Named):
    """A response, or an event that tells one."""

    response: _Named | None = None


_TOLD = msgspec.json.Decoder(_Told)


def _objects(data: bytes) -> Iterator[_Told]:
    for event in [data] if data.startswith(b"{") else map(data_of, events(data)):
        with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            yield _TOLD.decode(event or b"")


def _again(assessment: Assessment, *, settled: bool) -> bool:
    """Whether the next turn is found to be as private as this one by itself, if it says the same again.

    The key and the project are the same in every turn, and placeholders are made for what is in it. What was looked
    for because a header said so is not, where the next turn has no such header.
    """
    why = assessment.reason.partition(":")[0]
    if assessment.action is Action.REDACT_AND_RESTORE:
        return settled and why in ("key", "project", "content")
    return why in ("key", "project")


def _raised(assessment: Assessment, action: Action, reason: str) -> Assessment:
    # What is redacted in this turn may be less than what was in an earlier one, so the conversation is why.
    as_strict = action is assessment.action is Action.REDACT_AND_RESTORE
    if action.strictness <= assessment.action.strictness and not as_strict:
        return assessment
    return msgspec.structs.replace(assessment, action=action, data_class=data_class_of(action), reason=reason)
