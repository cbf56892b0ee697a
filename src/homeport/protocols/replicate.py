"""Replicate's predictions as chat completions: what a model is given, and what its prediction says.

Every model has inputs of its own, so a template says what goes where. There are no tools, no choices
and no probabilities. Source: https://replicate.com/docs/reference/http.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.core.types import Usage

DEFAULT_INPUT: Mapping[str, Any] = {
    "prompt": "{prompt}",
    "system_prompt": "{system}",
    "max_tokens": "{max_tokens}",
    "temperature": "{temperature}",
    "top_p": "{top_p}",
    "top_k": "{top_k}",
    "seed": "{seed}",
    "stop_sequences": "{stop}",
    "presence_penalty": "{presence_penalty}",
    "frequency_penalty": "{frequency_penalty}",
}
"""The inputs of the language models that Replicate itself keeps."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_CHARS_PER_TOKEN = 4
_MAX_TOKENS = 1_000_000_000
_MAX_SECONDS = 1e9
_NUMBERS = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty")
_TRANSLATED = frozenset({*_NUMBERS, "messages", "max_tokens", "max_completion_tokens", "stop"})
_HARMLESS = frozenset(
    {
        *("model", "stream", "stream_options", "user", "safety_identifier", "store", "metadata"),
        *("service_tier", "prediction", "prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls"),
    }
)
# Asked for in these ways, they ask for what a model does anyway.
_NOTHING_ELSE: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"], []),
}
_SPEAKERS = {"user": "User", "assistant": "Assistant"}
_STOP: Any = str | list[str]


class _Part(Struct):
    type: str
    text: str | None = None
    image_url: dict[str, Any] | None = None


class _Message(Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[Any] | None = None


def prediction_input(fields: Mapping[str, Raw], template: Mapping[str, Any]) -> dict[str, Any]:
    """The `input` of a prediction.

    Args:
        fields: the top-level fields of an OpenAI chat request.
        template: input names and their values. Text such as "{prompt}" stands for what the request
            says, and the input is left out where it says nothing: prompt, system, messages, image,
            max_tokens, stop, temperature, top_p, top_k, seed, presence_penalty, frequency_penalty.

    Raises:
        InvalidRequest: a wrong value, or something that this template has no place for.
    """
    said = {name: raw for name, raw in fields.items() if bytes(raw) != b"null"}
    _check(said)
    known = _values(said)
    if lost := {name for name, value in known.items() if value is not None} - _used(template):
        raise _unsupported(_FIELD_OF.get(min(lost), min(lost)))
    filled = {name: _filled(value, known) for name, value in template.items()}
    return {name: value for name, value in filled.items() if value is not None}


_FIELD_OF = {"system": "messages", "prompt": "messages", "image": "messages"}


def _check(said: Mapping[str, Raw]) -> None:
    for name in sorted(said.keys() - _TRANSLATED - _HARMLESS):
        if name not in _NOTHING_ELSE or _read(said[name], Any, name) not in _NOTHING_ELSE[name]:
            raise _unsupported(name)


def _unsupported(name: str) -> InvalidRequest:
    hint = f"leave {name} out, use another model, or give it a place in the provider's option `input`"
    return InvalidRequest(f"{name}: this model's input has no place for it", hint=hint, param=name)


def _values(said: Mapping[str, Raw]) -> dict[str, Any]:
    """What the request says, by the names of the template; None where it says nothing."""
    messages = _read(said.get("messages", Raw(b"null")), list[_Message], "messages")
    system = "\n\n".join(_text(message) for message in messages if message.role in {"system", "developer"})
    turns = [message for message in messages if message.role not in {"system", "developer"}]
    limit = said.get("max_completion_tokens", said.get("max_tokens"))
    return {
        "prompt": _prompt(turns),
        "system": system or None,
        "image": _image(messages),
        "max_tokens": None if limit is None else _read(limit, int, "max_tokens"),
        "stop": _stop(said),
        **{name: _read(said[name], float | int, name) if name in said else None for name in _NUMBERS},
    }


def _stop(said: Mapping[str, Raw]) -> str | None:
    """Replicate's models take stop sequences as one text, parted by commas."""
    if "stop" not in said:
        return None
    stop = _read(said["stop"], _STOP, "stop")
    sequences = [stop] if isinstance(stop, str) else stop
    if any("," in sequence for sequence in sequences):
        raise InvalidRequest("a stop sequence cannot hold a comma at this upstream", param="stop")
    return ",".join(sequences) or None


def _prompt(turns: list[_Message]) -> str:
    """One message as it is; several as a dialogue that the model is to go on with."""
    if not turns:
        raise InvalidRequest("there should be a message of the user", param="messages")
    for turn in turns:
        if turn.role not in _SPEAKERS or turn.tool_calls:
            raise _unsupported("messages")
    if len(turns) == 1 and turns[0].role == "user":
        return _text(turns[0])
    return "\n\n".join([*(f"{_SPEAKERS[turn.role]}: {_text(turn)}" for turn in turns), "Assistant:"])


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content or ""


def _image(messages: list[_Message]) -> str | None:
    parts = [part for message in messages if isinstance(message.content, list) for part in message.content]
    media = [part for part in parts if part.type != "text"]
    if not media:
        return None
    url = media[0].image_url.get("url") if media[0].image_url else None
    if len(media) > 1 or not isinstance(url, str):
        raise InvalidRequest("this upstream takes one image and text", param="messages")
    return url


def _used(template: Mapping[str, Any]) -> set[str]:
    return {name for value in template.values() if (name := _placeholder(value))}


def _placeholder(value: Any) -> str:
    is_name = isinstance(value, str) and value[:1] == "{" and value[-1:] == "}" and value[1:-1].isidentifier()
    return value[1:-1] if is_name else ""


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    name = _placeholder(value)
    return known.get(name) if name else value


def unknown_placeholders(template: Mapping[str, Any]) -> list[str]:
    """Names in a template that stand for nothing."""
    return sorted(_used(template) - {"prompt", "system", "image", "max_tokens", "stop", *_NUMBERS})


def _read(raw: Raw, kind: Any, name: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise InvalidRequest(message, param=name + path.strip("`").removeprefix("$")) from None
    except _UNREADABLE:
        raise InvalidRequest("this cannot be read", code="invalid_json", param=name) from None


class Urls(Struct):
    """Where a prediction is followed; "" where there is nothing to follow."""

    get: str = ""
    cancel: str = ""
    stream: str = ""


class Prediction(Struct):
    id: str
    status: str
    output: Any = None
    error: Any = None
    urls: Urls = msgspec.field(default_factory=Urls)
    metrics: Any = None

    @property
    def is_running(self) -> bool:
        return self.status in {"starting", "processing"}

    @property
    def is_done(self) -> bool:
        return self.status in {"succeeded", "successful"}


def read_prediction(body: bytes) -> Prediction:
    """Raises BadAnswer for what is no prediction."""
    try:
        body.decode()
        return msgspec.json.decode(body, type=Prediction)
    except _UNREADABLE as error:
        raise BadAnswer("the upstream answered with something that is not a prediction") from error


def text_of(prediction: Prediction) -> str:
    """The text of a prediction that is done. Raises BadAnswer for output that is none, such as an image's."""
    output = prediction.output
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    raise BadAnswer("the upstream's model answered with something that is not text", hint="name a language model")


def read_usage(prediction: Prediction, prompt: str, text: str) -> Usage | None:
    """Tokens where the model counts them, else estimates; and the seconds that it worked. None without metrics."""
    metrics = prediction.metrics if isinstance(prediction.metrics, dict) else {}
    counts = [_number(metrics.get(name), _MAX_TOKENS) for name in ("input_token_count", "output_token_count")]
    seconds = _number(metrics.get("predict_time"), _MAX_SECONDS)
    images = _number(metrics.get("image_count"), _MAX_TOKENS)
    if seconds is None and None in counts:
        return None
    estimates = (-(-len(prompt) // _CHARS_PER_TOKEN), -(-len(text) // _CHARS_PER_TOKEN))
    tokens = [int(guess if count is None else count) for count, guess in zip(counts, estimates, strict=True)]
    return Usage(
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        images=int(images or 0),
        engine_ns=round((seconds or 0) * 1_000_000_000),
        estimated=None in counts,
    )


def _number(value: Any, most: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= most else None


def finish_reason(usage: Usage | None, limit: Any) -> str:
    """Replicate does not say why a model ended; as many tokens as were allowed tell."""
    is_cut = usage is not None and not usage.estimated and isinstance(limit, int) and usage.output_tokens >= limit
    return "length" if is_cut else "stop"


def completion(prediction: Prediction, *, model: str, created: int, finish: str, usage: Usage | None) -> dict[str, Any]:
    """The chat completion of a prediction that is done. Raises BadAnswer as `text_of` does."""
    message = {"role": "assistant", "content": text_of(prediction)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    head = {"id": f"chatcmpl-{prediction.id}", "object": "chat.completion", "created": created, "model": model}
    return {**head, "choices": [choice], **({"usage": chat_usage(usage)} if usage else {})}


def chunk(prediction_id: str, *, model: str, created: int, choices: list[dict[str, Any]]) -> dict[str, Any]:
    """A chunk of a chat completion."""
    head = {"id": f"chatcmpl-{prediction_id}", "object": "chat.completion.chunk", "created": created}
    return {**head, "model": model, "choices": choices}


def chat_usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
