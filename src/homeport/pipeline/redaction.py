"""What leaves has placeholders, and what comes back has originals: between a decision and whoever is asked.

Own engines see a request as it is. Each call of anybody else is told the same placeholders, and each answer is put
right by itself, before it is written in the caller's words.
"""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from homeport.core.ports import Dialect
from homeport.core.types import Completion, Frame, Inference, Surface
from homeport.privacy.redact import Redacted
from homeport.privacy.restoration.answer import Restoration


class Redaction:
    """Of one request.

    Args:
        redacted: of the fields of `inference`.
        dialect: in which it was asked.
    """

    def __init__(self, inference: Inference, redacted: Redacted, dialect: Dialect) -> None:
        self._redacted = redacted
        self._inference = msgspec.structs.replace(inference, fields=redacted.fields)
        self._dialect = dialect
        self._chat: Mapping[str, Raw] | None = None

    def fields(self, surface: Surface) -> Mapping[str, Raw]:
        """What may leave, in the words of the request's own surface or of a chat. Raises as `Dialect.as_chat`."""
        if surface is self._inference.surface:
            return self._inference.fields
        if self._chat is None:
            self._chat = self._dialect.as_chat(self._inference)
        return self._chat

    def restoration(self, surface: Surface) -> Restoration:
        """For one answer in the words of a surface."""
        return Restoration(surface, self._redacted.originals, self._inference.fields)


def restored(restoration: Restoration | None, completion: Completion) -> Completion:
    """A whole answer with originals; its usage is what the upstream says."""
    if restoration is None:
        return completion
    return msgspec.structs.replace(completion, body=restoration.whole(completion.body))


def restored_frames(restoration: Restoration | None, frame: Frame) -> Iterator[Frame]:
    """A frame with originals; before the end of a stream comes what is held back still."""
    if restoration is None:
        yield frame
        return
    if frame.closing:
        yield from held_frames(restoration)
    yield msgspec.structs.replace(frame, data=restoration.feed(frame.data))


def held_frames(restoration: Restoration | None) -> Iterator[Frame]:
    """What is held back of an answer that goes no further."""
    if restoration is not None and (rest := restoration.rest()):
        yield Frame(data=rest)
