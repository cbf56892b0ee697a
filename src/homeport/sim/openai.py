"""OpenAI's dialect: chats, completions, embeddings and models.

Source: https://platform.openai.com/docs/api-reference and its guide to error codes.
"""

from collections.abc import Iterator
from typing import Any

from homeport.providers.simulated.openai import Answer, Chunk, Embeddings, read_chat, read_completion
from homeport.sim.reply import Event, Knobs, Refused, Reply, Request, encode

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TYPES = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "You have no access to this resource."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    408: ("timeout", "request_timeout", "The request took too long."),
    409: ("invalid_request_error", "conflict", "The resource was updated by another request."),
    413: ("invalid_request_error", "request_too_large", "The request is too large."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    502: ("server_error", None, "Bad gateway."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
    504: ("server_error", None, "Gateway timeout."),
}


def error_body(refused: Refused) -> dict[str, Any]:
    """OpenAI's error object."""
    fallback = "server_error" if refused.status >= 500 else "invalid_request_error"
    kind, code, words = _TYPES.get(refused.status, (fallback, None, "The request was refused."))
    message = f"Simulated: {refused.message or words}"
    return {
        "error": {"message": message, "type": kind, "param": refused.param or None, "code": refused.openai_code or code}
    }


class OpenAI:
    """Chats, completions and embeddings, at any path that ends as OpenAI's."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        fields = request.fields()
        model = _model(request, fields)
        if request.path.endswith("/embeddings"):
            if "input" not in fields:
                raise Refused(400, "you must provide an input", "input")
            knobs.check_model(model)
            vectors = Embeddings(fields, knobs.model or model, knobs.seed)
            return Reply(body=encode(vectors.body(usage=knobs.usage)), tokens=vectors.input_tokens)
        chat = request.path.endswith("/chat/completions")
        if chat:
            _check_messages(fields)
        elif "prompt" not in fields:
            raise Refused(400, "you must provide a prompt", "prompt")
        ask = read_chat(fields, model) if chat else read_completion(fields, model)
        answer = Answer(
            knobs.draft(ask),
            fields,
            chat=chat,
            cached=knobs.cached,
            reasoning=knobs.reasoning,
            argument_size=knobs.argument_size,
        )
        tokens = answer.input_tokens + answer.output_tokens
        if not fields.get("stream"):
            body = encode(answer.body(usage=knobs.usage))
            return Reply(body=body, tokens=tokens, paced=answer.output_tokens)
        options = fields.get("stream_options")
        wants = knobs.usage and isinstance(options, dict) and options.get("include_usage") is True
        events = tuple(_events(answer, usage=wants, running=knobs.running_usage))
        error = Event(data=encode(error_body(Refused(500, ""))))
        return Reply(events=events, error_event=error, tokens=tokens)

    def refusal(self, refused: Refused) -> Reply:
        return Reply(body=encode(error_body(refused)), status=refused.status)


def _model(request: Request, fields: dict[str, Any]) -> str:
    _, found, rest = request.path.partition("/deployments/")
    model = rest.partition("/")[0] if found else fields.get("model")  # Azure names it in the path.
    if not isinstance(model, str) or not model:
        raise Refused(400, "you must provide a model parameter", "model")
    return model


def _check_messages(fields: dict[str, Any]) -> None:
    messages = fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "'messages' must be an array of at least one message", "messages")
    called: set[str] = set()
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refused(400, f"messages[{at}] has no role of this API", f"messages[{at}].role", "invalid_value")
        calls = message.get("tool_calls")
        called |= {str(call.get("id")) for call in (calls if isinstance(calls, list) else []) if isinstance(call, dict)}
        if message["role"] == "tool" and message.get("tool_call_id") not in called:
            raise Refused(400, "a message of role 'tool' must answer a preceding tool call", f"messages[{at}].role")


def _events(answer: Answer, *, usage: bool, running: bool) -> Iterator[Event]:
    so_far = {"usage": answer.usage()} if running else {"usage": None} if usage else {}
    for step in answer.steps:
        for chunk in step:
            yield Event(data=encode(chunk | so_far), paced=True)
    for chunk in answer.last_chunks():
        yield Event(data=encode(chunk | so_far))
    if usage:
        yield Event(data=encode(answer.usage_chunk()), usage=True)
    yield Event(data=b"[DONE]", done=True)


class Models:
    """The list of models, and one of them."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        name = request.path.partition("/models")[2].strip("/")
        if not name:
            return Reply(body=encode({"object": "list", "data": [_described(model) for model in knobs.models]}))
        if name not in knobs.models:
            raise Refused(404, f"the model '{name}' does not exist", "model", "model_not_found")
        return Reply(body=encode(_described(name)))

    def refusal(self, refused: Refused) -> Reply:
        return OpenAI().refusal(refused)


def _described(name: str) -> Chunk:
    return {"id": name, "object": "model", "created": 0, "owned_by": "simulated"}
