"""OpenAI's words for what is simulated: chats, completions and embeddings.

Source: https://platform.openai.com/docs/api-reference.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from homeport.providers.simulated.draft import ANY_TOOL, Ask, Choice, Draft, Tool, logprob
from homeport.providers.simulated.text import base64_floats, count_tokens, digest, unit_vector

DIMENSIONS = 256
MAX_DIMENSIONS = 4096
JSON_OBJECT = {
    "type": "object",
    "properties": {"simulated": {"const": True}, "answer": {"type": "string"}},
    "required": ["simulated", "answer"],
}
"""What is answered where any JSON object will do."""

Chunk = dict[str, Any]


def read_chat(fields: Mapping[str, Any], model: str) -> Ask:
    """A chat request; what is not as it should be is left out."""
    listed = fields.get("messages")
    messages = [message for message in (listed if isinstance(listed, list) else []) if isinstance(message, dict)]
    asked = next((message for message in reversed(messages) if message.get("role") == "user"), None)
    ordered = [message for message in messages if message is not asked] + ([asked] if asked else [])
    last = messages[-1] if messages else {}
    return Ask(
        model=model,
        texts=tuple(text_of(message.get("content")) for message in ordered),
        images=sum(_images(message.get("content")) for message in messages),
        tools=_tools(fields.get("tools")),
        force=_force(fields.get("tool_choice")),
        parallel=fields.get("parallel_tool_calls") is not False,
        tool_said=text_of(last.get("content")) if last.get("role") == "tool" else None,
        schema=_schema(fields.get("response_format")),
        **_numbers(fields),
    )


def read_completion(fields: Mapping[str, Any], model: str) -> Ask:
    """A request for a completion of a prompt."""
    return Ask(model=model, texts=tuple(texts_of(fields.get("prompt"))), **_numbers(fields))


def texts_of(value: Any) -> list[str]:
    """The texts of a prompt or an input."""
    # A list of numbers is one text given as tokens; a list of anything else is many texts.
    if isinstance(value, list) and not all(isinstance(part, int) for part in value):
        return [text_of(part) for part in value]
    return [text_of(value)]


def text_of(content: Any) -> str:
    """The text of a message's content, a prompt or a list of tokens; "" for what has none."""
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in content)
        return " ".join(str(part) for part in parts if isinstance(part, str | int))
    return content if isinstance(content, str) else ""


def whole(value: Any, otherwise: int) -> int:
    """A number that counts something, or `otherwise`."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


class Embeddings:
    """An answer to a request for embeddings: unit vectors, the same for the same text. It has no chunks.

    Args:
        seed: ours; the caller has none.
    """

    def __init__(self, fields: Mapping[str, Any], model: str, seed: int) -> None:
        self._texts = texts_of(fields.get("input"))
        self._model = model
        self._seed = seed
        self._size = min(whole(fields.get("dimensions"), 0) or DIMENSIONS, MAX_DIMENSIONS)
        self._coded = fields.get("encoding_format") == "base64"
        self.steps: list[list[Chunk]] = []
        self.input_tokens = sum(count_tokens(text) for text in self._texts)
        self.output_tokens = 0

    def body(self, *, usage: bool) -> dict[str, Any]:
        data = [
            {"object": "embedding", "index": at, "embedding": self._vector(text)} for at, text in enumerate(self._texts)
        ]
        return {"object": "list", "model": self._model, "data": data, **({"usage": self.usage()} if usage else {})}

    def last_chunks(self) -> list[Chunk]:
        return []

    def usage_chunk(self) -> Chunk:
        return {"usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        return {"prompt_tokens": self.input_tokens, "total_tokens": self.input_tokens}

    def _vector(self, text: str) -> list[float] | str:
        vector = unit_vector(digest(self._seed, self._model, text), self._size)
        return base64_floats(vector) if self._coded else vector


class Answer:
    """One answer, to be written as a whole or as chunks.

    Args:
        fields: the request; decides about logprobs.
        chat: a chat's answer; else a completion's.
        cached: so many input tokens came from a cache, at most all of them.
        reasoning: so many output tokens come on top that nobody sees.
        argument_size: characters of a tool's arguments in a chunk; 0 means tokens.
    """

    def __init__(
        self,
        draft: Draft,
        fields: Mapping[str, Any],
        *,
        chat: bool,
        cached: int = 0,
        reasoning: int = 0,
        argument_size: int = 0,
    ) -> None:
        self.draft = draft
        self.input_tokens = draft.input_tokens
        self.output_tokens = draft.output_tokens + reasoning
        self._chat = chat
        self._cached = min(cached, draft.input_tokens)
        self._reasoning = reasoning
        self._argument_size = argument_size
        wanted = fields.get("logprobs")
        self._tops = whole(fields.get("top_logprobs"), 0) if chat else whole(wanted, 0)
        self._logprobs = wanted is True if chat else wanted is not None and wanted is not False

    def body(self, *, usage: bool) -> dict[str, Any]:
        choices = [self._choice(at, choice) for at, choice in enumerate(self.draft.choices)]
        return {**self._head(""), "choices": choices, **({"usage": self.usage()} if usage else {})}

    @cached_property
    def steps(self) -> list[list[Chunk]]:
        """Chunks in the order of time: each step has at most one of each choice."""
        columns = [list(self._deltas(at, choice)) for at, choice in enumerate(self.draft.choices)]
        longest = max((len(column) for column in columns), default=0)
        return [[self._chunk(column[step]) for column in columns if step < len(column)] for step in range(longest)]

    def last_chunks(self) -> list[Chunk]:
        """One chunk of each choice that says why it ended."""
        empty: Chunk = {"delta": {}} if self._chat else {"text": ""}
        return [
            self._chunk({"index": at, **empty, "logprobs": None, "finish_reason": choice.finish})
            for at, choice in enumerate(self.draft.choices)
        ]

    def usage_chunk(self) -> Chunk:
        return {**self._head(".chunk"), "choices": [], "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        given, made = self.input_tokens, self.output_tokens
        counted: dict[str, Any] = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        if self._cached:
            counted["prompt_tokens_details"] = {"cached_tokens": self._cached}
        if self._reasoning:
            counted["completion_tokens_details"] = {"reasoning_tokens": self._reasoning}
        return counted

    def _head(self, suffix: str) -> dict[str, Any]:
        kind = f"chat.completion{suffix}" if self._chat else "text_completion"
        name = f"sim-{self.draft.digest[:24]}"
        # No clock: the same request gives the same bytes.
        return {
            "id": name,
            "object": kind,
            "created": 0,
            "model": self.draft.model,
            "system_fingerprint": "simulated",
        }

    def _chunk(self, choice: dict[str, Any]) -> Chunk:
        return {**self._head(".chunk"), "choices": [choice]}

    def _choice(self, at: int, choice: Choice) -> dict[str, Any]:
        logprobs = self._all_logprobs(at, choice) if self._logprobs else None
        rest = {"logprobs": logprobs, "finish_reason": choice.finish}
        if not self._chat:
            return {"index": at, "text": choice.text, **rest}
        message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
        if choice.calls:
            calls = [(call.id, {"name": call.name, "arguments": call.arguments}) for call in choice.calls]
            message["content"] = None
            message["tool_calls"] = [{"id": name, "type": "function", "function": called} for name, called in calls]
        return {"index": at, "message": message, **rest}

    def _deltas(self, at: int, choice: Choice) -> Iterator[dict[str, Any]]:
        rest: dict[str, Any] = {"logprobs": None, "finish_reason": None}
        if self._chat:
            yield {"index": at, "delta": {"role": "assistant", "content": None if choice.calls else ""}, **rest}
        for number, piece in enumerate(choice.pieces):
            if self._logprobs:
                rest = {**rest, "logprobs": self._one_logprob(at, number, piece, choice)}
            yield {"index": at, **({"delta": {"content": piece}} if self._chat else {"text": piece}), **rest}
        for number, call in enumerate(choice.calls):
            named = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
            yield {"index": at, "delta": {"tool_calls": [{"index": number, **named}]}, **rest}
            for part in cut(call.pieces, self._argument_size):
                more = {"index": number, "function": {"arguments": part}}
                yield {"index": at, "delta": {"tool_calls": [more]}, **rest}

    def _all_logprobs(self, at: int, choice: Choice) -> dict[str, Any]:
        each = [self._one_logprob(at, number, piece, choice) for number, piece in enumerate(choice.pieces)]
        words = ("content", "refusal") if self._chat else ("tokens", "token_logprobs", "top_logprobs", "text_offset")
        merged: dict[str, Any] = {word: [entry for one in each for entry in one[word] or []] for word in words}
        return merged | ({"refusal": None} if self._chat else {})

    def _one_logprob(self, at: int, number: int, piece: str, choice: Choice) -> dict[str, Any]:
        name = f"{self.draft.digest}:{at}"
        value = logprob(name, number)
        tops = {piece: value} | {f"~{rank}": round(value - rank, 4) for rank in range(1, self._tops)}
        ranked = list(tops.items())[: self._tops]
        if self._chat:
            top = [_token(token, share) for token, share in ranked]
            return {"content": [{**_token(piece, value), "top_logprobs": top}], "refusal": None}
        offset = len("".join(choice.pieces[:number]))
        return {"tokens": [piece], "token_logprobs": [value], "top_logprobs": [dict(ranked)], "text_offset": [offset]}


def cut(pieces: tuple[str, ...], size: int) -> list[str]:
    """The same text in parts of `size` characters; as it is where `size` is 0."""
    if not size:
        return list(pieces)
    text = "".join(pieces)
    return [text[start : start + size] for start in range(0, len(text), size)]


def _token(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def _numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    stop = fields.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return {
        "seed": whole(fields.get("seed"), 0),
        "choices": whole(fields.get("n"), 1) or 1,
        "limit": whole(fields.get("max_completion_tokens"), 0) or whole(fields.get("max_tokens"), 0),
        "stops": tuple(text for text in stops if isinstance(text, str)),
    }


def _images(content: Any) -> int:
    parts = content if isinstance(content, list) else []
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") in ("image_url", "input_image"))


def _tools(listed: Any) -> tuple[Tool, ...]:
    offered = [tool.get("function") for tool in (listed if isinstance(listed, list) else []) if isinstance(tool, dict)]
    named = [one for one in offered if isinstance(one, dict) and isinstance(one.get("name"), str)]
    return tuple(Tool(one["name"], one.get("parameters")) for one in named)


def _force(choice: Any) -> str | None:
    if choice == "none":
        return None
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return name if isinstance(name, str) else ""
    return ANY_TOOL if choice == "required" else ""


def _schema(wanted: Any) -> Any:
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return JSON_OBJECT
    described = wanted.get("json_schema")
    return described.get("schema", {}) if wanted.get("type") == "json_schema" and isinstance(described, dict) else None
