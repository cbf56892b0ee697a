"""The dialect of /v1/moderations: OpenAI's, but that a request without a model is answered at home."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from homeport.api import bodies
from homeport.api.openai import Name, OpenAIDialect
from homeport.core.types import Inference, Surface
from homeport.providers.moderation import NAME


class ModerationPart(Struct):
    """A text or an image. A list of parts is one input."""

    type: str
    text: str | None = None
    image_url: Any = None


class ModerationRequest(Struct, kw_only=True):
    """The fields that are read."""

    input: str | Annotated[list[str | ModerationPart], Meta(min_length=1, max_length=2048)]
    model: Name | None = None


_DECODER = msgspec.json.Decoder(ModerationRequest)


class ModerationDialect(OpenAIDialect):
    """`Dialect` of OpenAI's moderations."""

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """See `Dialect.decode`."""
        request, fields = bodies.read(body, _DECODER)
        return Inference(
            surface=surface,
            model=request.model or NAME,
            stream=False,
            wants_usage=False,
            input_chars=_chars(request.input),
            deterministic=False,
            fields=fields,
        )


def _chars(given: str | list[str | ModerationPart]) -> int:
    texts = [given] if isinstance(given, str) else [part if isinstance(part, str) else part.text for part in given]
    return sum(len(text or "") for text in texts)
