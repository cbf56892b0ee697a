"""OpenAI's Responses API, whole and streamed. Nothing is stored, so no earlier response can be named.

Source: https://platform.openai.com/docs/api-reference/responses.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from homeport.providers.simulated.draft import ANY_TOOL, Ask, Choice, Draft, Tool, ToolCall
from homeport.providers.simulated.openai import JSON_OBJECT, cut, text_of, whole
from homeport.sim.openai import OpenAI
from homeport.sim.reply import Event, Knobs, Refused, Reply, Request, encode

_ROLES = frozenset({"system", "developer", "user", "assistant"})
_ITEMS = frozenset({"message", "function_call", "function_call_output", "reasoning", "item_reference"})
_STATUSES = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


class Responses:
    """`/v1/responses`."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        fields = request.fields()
        answer = _Response(knobs.draft(_read(fields)), fields, knobs)
        if not fields.get("stream"):
            body = encode(answer.body(answer.status, answer.output()))
            return Reply(body=body, tokens=answer.tokens, paced=answer.output_tokens)
        events = tuple(answer.events())
        wrong = {
            "type": "error",
            "code": "server_error",
            "message": "Simulated: the server had an error.",
            "param": None,
        }
        error = Event(name="error", data=encode({**wrong, "sequence_number": len(events)}))
        return Reply(events=events, error_event=error, tokens=answer.tokens)

    def refusal(self, refused: Refused) -> Reply:
        return OpenAI().refusal(refused)


class _Response:
    """One answer, to be written as a whole or as events."""

    def __init__(self, draft: Draft, fields: Mapping[str, Any], knobs: Knobs) -> None:
        self._draft = draft
        self._choice = draft.choices[0]
        self._fields = fields
        self._knobs = knobs
        self._name = draft.digest[:24]
        self.output_tokens = self._choice.tokens + knobs.reasoning
        self.tokens = draft.input_tokens + self.output_tokens
        self.status = "incomplete" if self._choice.finish in _STATUSES else "completed"

    def body(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """The response object in a state: in_progress, completed or incomplete."""
        ended = status != "in_progress"
        reason = _STATUSES.get(self._choice.finish) if ended else None
        echoed = {name: self._fields.get(name, value) for name, value in _ECHOED.items()}
        return {
            "id": f"resp_{self._name}",
            "object": "response",
            "created_at": 0,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": self._draft.model,
            "output": output,
            **echoed,
            "usage": self._usage() if ended and self._knobs.usage else None,
        }

    def output(self) -> list[dict[str, Any]]:
        if not self._choice.calls:
            return [self._message(self._choice, self.status)]
        return [self._call(call, call.arguments, self.status) for call in self._choice.calls]

    def events(self) -> Iterator[Event]:
        """The sequence of events that the documentation describes, numbered."""
        for number, (kind, fields) in enumerate(self._events()):
            paced = kind.endswith(".delta")
            last = kind in ("response.completed", "response.incomplete")
            data = encode({"type": kind, **fields, "sequence_number": number})
            yield Event(name=kind, data=data, paced=paced, usage=last, done=last)

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        begun = {"response": self.body("in_progress", [])}
        yield "response.created", begun
        yield "response.in_progress", begun
        if self._choice.calls:
            for index, call in enumerate(self._choice.calls):
                yield from self._call_events(index, call)
        else:
            yield from self._message_events()
        yield f"response.{self.status}", {"response": self.body(self.status, self.output())}

    def _message_events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        place = {"item_id": f"msg_{self._name}", "output_index": 0, "content_index": 0}
        text = self._choice.text
        item = {"type": "message", "id": f"msg_{self._name}", "status": "in_progress", "role": "assistant"}
        yield "response.output_item.added", {"output_index": 0, "item": {**item, "content": []}}
        yield "response.content_part.added", {**place, "part": _part("")}
        for piece in self._choice.pieces:
            yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**place, "text": text, "logprobs": []}
        yield "response.content_part.done", {**place, "part": _part(text)}
        yield "response.output_item.done", {"output_index": 0, "item": self._message(self._choice, self.status)}

    def _call_events(self, index: int, call: ToolCall) -> Iterator[tuple[str, dict[str, Any]]]:
        done = self._call(call, call.arguments, self.status)
        place = {"item_id": done["id"], "output_index": index}
        started = self._call(call, "", "in_progress")
        yield "response.output_item.added", {"output_index": index, "item": started}
        for part in cut(call.pieces, self._knobs.argument_size):
            yield "response.function_call_arguments.delta", {**place, "delta": part}
        ended = {**place, "name": call.name, "arguments": call.arguments}
        yield "response.function_call_arguments.done", ended
        yield "response.output_item.done", {"output_index": index, "item": done}

    def _message(self, choice: Choice, status: str) -> dict[str, Any]:
        item = {"type": "message", "id": f"msg_{self._name}", "status": status, "role": "assistant"}
        return {**item, "content": [_part(choice.text)]}

    def _call(self, call: ToolCall, arguments: str, status: str) -> dict[str, Any]:
        item = {"type": "function_call", "id": f"fc_{call.id.removeprefix('call_')}", "call_id": call.id}
        return {**item, "name": call.name, "arguments": arguments, "status": status}

    def _usage(self) -> dict[str, Any]:
        given = self._draft.input_tokens
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": min(self._knobs.cached, given)},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self._knobs.reasoning},
            "total_tokens": given + self.output_tokens,
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _read(fields: Mapping[str, Any]) -> Ask:
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "missing required parameter: 'model'", "model", "missing_required_parameter")
    for name in ("previous_response_id", "conversation"):
        if fields.get(name):
            raise Refused(400, f"{name}: nothing is stored here", name, "previous_response_not_found")
    items = _items(fields.get("input"))
    messages = [item for item in items if item["type"] == "message"]
    asked = next((item for item in reversed(messages) if item.get("role") == "user"), None)
    ordered = [item for item in messages if item is not asked] + ([asked] if asked else [])
    instructions = fields.get("instructions")
    last = items[-1]
    texts = [text_of(item.get("content")) for item in ordered]
    return Ask(
        model=model,
        texts=(*([instructions] if isinstance(instructions, str) else []), *texts),
        images=sum(_images(item.get("content")) for item in messages),
        limit=_limit(fields),
        tools=tuple(_tools(fields.get("tools"))),
        force=_force(fields.get("tool_choice")),
        parallel=fields.get("parallel_tool_calls") is not False,
        tool_said=text_of(last.get("output")) if last["type"] == "function_call_output" else None,
        schema=_schema(fields.get("text")),
    )


def _items(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise Refused(400, "missing required parameter: 'input'", "input", "missing_required_parameter")
    found: list[dict[str, Any]] = []
    called: set[Any] = set()
    for at, item in enumerate(given):
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if kind not in _ITEMS or (kind == "message" and item.get("role") not in _ROLES):
            raise Refused(400, f"input[{at}] is of no known type or role", f"input[{at}]", "invalid_value")
        if kind == "function_call":
            called.add(item.get("call_id"))
        if kind == "function_call_output" and item.get("call_id") not in called:
            raise Refused(400, f"No tool call found for function call output with call_id of input[{at}]", "input")
        found.append({**item, "type": kind})
    return found


def _limit(fields: Mapping[str, Any]) -> int:
    limit = fields.get("max_output_tokens")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise Refused(400, "max_output_tokens must be a positive integer", "max_output_tokens", "invalid_type")
    return whole(limit, 0)


def _images(content: Any) -> int:
    parts = content if isinstance(content, list) else []
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "input_image")


def _tools(listed: Any) -> Iterator[Tool]:
    for at, tool in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
            raise Refused(400, f"missing required parameter: 'tools[{at}].type'", f"tools[{at}].type")
        if tool["type"] == "function":
            if not isinstance(tool.get("name"), str):
                # A chat's form has the name one level further down.
                raise Refused(400, f"missing required parameter: 'tools[{at}].name'", f"tools[{at}].name")
            yield Tool(tool["name"], tool.get("parameters"))


def _force(choice: Any) -> str | None:
    if choice == "none":
        return None
    if isinstance(choice, dict):
        name = choice.get("name")
        return name if isinstance(name, str) else ""
    return ANY_TOOL if choice == "required" else ""


def _schema(text: Any) -> Any:
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_object":
        return JSON_OBJECT
    return form.get("schema", {}) if form.get("type") == "json_schema" else None
