"""Requests and replies as the dialects see them: before faults, and before HTTP."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from homeport.providers.simulated.draft import Ask, Draft, draft
from homeport.sim.answer_key import AnswerKey
from homeport.sim.faults import Faults, number
from homeport.sim.settings import Settings

BAD_BYTES = "\ue0ff"
"""A character that no text of ours has; where it stands, bytes that are not UTF-8 are sent."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header names are in lower case; `path` is without its query."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}

    def fields(self) -> dict[str, Any]:
        """The body.

        Raises:
            Refused: it is not one JSON object.
        """
        try:
            return msgspec.json.decode(self.body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused(400, "the body is not one JSON object in UTF-8") from None


class Refused(Exception):
    """The request is refused as the real provider would refuse it.

    Attributes:
        status: the HTTP status.
        message: what is wrong.
        param: the field that is wrong, or "".
        openai_code: OpenAI's word for it, or "" for the usual one.
        retry_after: seconds, or 0.
    """

    def __init__(self, status: int, message: str, param: str = "", openai_code: str = "", retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.openai_code = openai_code
        self.retry_after = retry_after


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream.

    Attributes:
        data: what follows `data:`; no line breaks.
        name: what follows `event:`, or "".
        paced: it stands for a token.
        usage: it reports the usage.
        done: it belongs to the end that tells a whole stream from a broken one.
    """

    data: bytes
    name: str = ""
    paced: bool = False
    usage: bool = False
    done: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered.

    Attributes:
        body: of a whole answer.
        events: of a stream; then `body` is not used.
        error_event: how this provider breaks off a stream.
        tokens: how many it took, input and output.
        paced: how many output tokens a whole answer waits for.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    events: tuple[Event, ...] | None = None
    error_event: Event | None = None
    tokens: int = 0
    paced: int = 0


class Knobs(msgspec.Struct, frozen=True, kw_only=True):
    """The faults and settings that change what is said, and not how it is sent.

    Attributes:
        model: who says to have answered, or "" for who was asked.
        big: bytes of text in the first piece.
        bad_bytes: the first piece has bytes that are not UTF-8.
        key: right answers, where there are any.
        overlong: the bound of a request is not kept to.
        argument_size: characters of a tool's arguments in an event; 0 means tokens.
    """

    seed: int = 0
    models: tuple[str, ...] = ()
    only_models: bool = False
    length: int = 48
    model: str = ""
    usage: bool = True
    running_usage: bool = False
    cached: int = 0
    reasoning: int = 0
    argument_size: int = 0
    filtered: bool = False
    overlong: bool = False
    big: int = 0
    bad_bytes: bool = False
    key: AnswerKey | None = None

    def check_model(self, model: str) -> None:
        """Raises `Refused` for a model that is not served."""
        if self.only_models and model not in self.models:
            raise Refused(404, f"the model '{model}' does not exist", "model")

    def draft(self, ask: Ask) -> Draft:
        """The answer to `ask`, with what these knobs do to it."""
        self.check_model(ask.model)
        if self.overlong:
            ask = msgspec.structs.replace(ask, limit=0)
        told = self.key.answer(ask, self.seed) if self.key else None
        made = draft(ask, self.seed, self.length, told=told)
        if not (self.model or self.filtered or self.big or self.bad_bytes):
            return made
        choices = [
            msgspec.structs.replace(
                choice,
                pieces=self._changed(choice.pieces),
                finish="content_filter" if self.filtered else choice.finish,
            )
            for choice in made.choices
        ]
        return msgspec.structs.replace(made, model=self.model or made.model, choices=tuple(choices))

    def _changed(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        if not pieces or not (self.big or self.bad_bytes):
            return pieces
        first = pieces[0] + "x" * self.big + (BAD_BYTES if self.bad_bytes else "")
        return (first, *pieces[1:])


class Dialect(Protocol):
    """How one provider is spoken to; one file each."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        """Raises `Refused` for what the real provider would refuse."""

    def refusal(self, refused: Refused) -> Reply:
        """The provider's own error."""


def knobs_of(settings: Settings, faults: Faults, key: AnswerKey | None = None) -> Knobs:
    """What of the settings and a request's faults changes what is said."""
    model = faults.get("model", "")
    return Knobs(
        seed=settings.seed,
        models=settings.models,
        only_models=settings.only_models,
        length=int(number(faults, "tokens", settings.output_tokens)),
        model=model if isinstance(model, str) else "",
        usage="missing-usage" not in faults,
        running_usage="running-usage" in faults,
        cached=int(number(faults, "cached", settings.cached_tokens)),
        reasoning=int(number(faults, "reasoning")),
        argument_size=int(number(faults, "tool-split")),
        filtered="filtered" in faults,
        overlong="overlong" in faults,
        big=int(number(faults, "big")),
        bad_bytes="invalid-utf8" in faults,
        key=key,
    )


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
