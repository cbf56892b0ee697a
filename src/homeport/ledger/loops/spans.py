"""Spans of OpenTelemetry's conventions for generative AI as calls of models: the plain form and OTLP's JSON."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_CALLS = ("chat", "generate_content", "text_completion")


def span_calls(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The trace and the fields of each call in a document, in the order of their start.

    A span without its input is sent what its agent said and was told before.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: a span is not as the conventions say.
    """
    spans = sorted(_spans(document), key=lambda span: span["start"])
    told: dict[tuple[str, str], list[Any]] = {}
    for span in spans:
        attributes, agent = span["attributes"], (span["trace"], span["agent"])
        history = told.setdefault(agent, [])
        if attributes.get("gen_ai.operation.name") == "execute_tool":
            history += _tool(attributes, span["id"])
            continue
        given = attributes.get("gen_ai.input.messages", attributes.get("gen_ai.prompt"))
        if given is None and attributes.get("gen_ai.operation.name") not in _CALLS:
            continue
        messages = [*_instructions(attributes), *_messages(given)] if given is not None else list(history)
        answers = _output(attributes)
        told[agent] = [*messages, *answers]
        yield span["trace"], _fields(span, attributes, messages, answers)


def _fields(
    span: Mapping[str, Any], attributes: Mapping[str, Any], messages: list[Any], answers: list[Any]
) -> dict[str, Any]:
    return {
        "start_ns": span["start"],
        "end_ns": max(span["start"], span["end"]),
        "history": tuple(messages),
        "sent": len(messages),
        "answer": _joined(answers),
        "model": str(attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model") or ""),
        "input_tokens": _count(attributes, "input", "prompt"),
        "output_tokens": _count(attributes, "output", "completion"),
    }


def _joined(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Several messages of one answer as one."""
    if len(answers) == 1:
        return answers[0]
    said = [answer.get("content") for answer in answers]
    calls = [call for answer in answers for call in answer.get("tool_calls") or ()]
    return {"role": "assistant", "content": said, **({"tool_calls": calls} if calls else {})}


def _spans(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "resourceSpans" in document:
        for resource in document["resourceSpans"]:
            agent = _values(resource.get("resource", {}).get("attributes", [])).get("service.name", "")
            for scope in resource.get("scopeSpans", []):
                yield from (_otlp(span, agent) for span in scope.get("spans", []))
        return
    for span in document["spans"]:
        agent = (span.get("resource_attributes") or {}).get("service.name", "")
        trace = str(span.get("trace_id") or document.get("trace_id") or "")
        times = {"start": _time(span["start_time"]), "end": _time(span.get("end_time") or span["start_time"])}
        attributes = span.get("attributes") or {}
        named = attributes.get("gen_ai.agent.name", agent)
        yield {"trace": trace, "agent": str(named), "id": str(span.get("span_id")), "attributes": attributes, **times}


def _otlp(span: Mapping[str, Any], agent: Any) -> dict[str, Any]:
    attributes = _values(span.get("attributes", []))
    start = int(span["startTimeUnixNano"])
    times = {"start": start, "end": int(span.get("endTimeUnixNano", start))}
    named = str(attributes.get("gen_ai.agent.name", agent))
    return {"trace": str(span["traceId"]), "agent": named, "id": str(span["spanId"]), "attributes": attributes, **times}


def _values(listed: Any) -> dict[str, Any]:
    """OTLP's list of keys and typed values as a mapping."""
    return {entry["key"]: _value(entry["value"]) for entry in listed}


def _value(typed: Mapping[str, Any]) -> Any:
    nothing: tuple[str, Any] = ("", None)
    kind, value = next(iter(typed.items()), nothing)
    if kind == "arrayValue":
        return [_value(one) for one in value.get("values", [])]
    if kind == "kvlistValue":
        return _values(value.get("values", []))
    return int(value) if kind == "intValue" else value


def _time(said: Any) -> int:
    """Nanoseconds since the epoch of a number of them, or of ISO 8601; without a zone it is UTC."""
    if isinstance(said, int | float):
        return int(said)
    moment = datetime.fromisoformat(said)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000) * 1_000


def _messages(given: Any) -> list[dict[str, Any]]:
    listed = json.loads(given) if isinstance(given, str) and given.lstrip()[:1] in ("[", "{") else given
    if isinstance(listed, str):
        return [{"role": "user", "content": listed}]
    return [chat for message in (listed if isinstance(listed, list) else [listed]) for chat in _chats(message)]


def _instructions(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = attributes.get("gen_ai.system_instructions")
    return (
        [] if given is None else [{"role": "system", "content": given if isinstance(given, str) else json.dumps(given)}]
    )


def _chats(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message of the conventions, which has `parts`, as those of a chat; one of a chat stays."""
    parts = message.get("parts")
    if not isinstance(parts, list):
        yield dict(message)
        return
    texts = [part.get("content") for part in parts if part.get("type") == "text"]
    calls = [
        {"id": str(part.get("id", "")), "function": {"name": part.get("name"), "arguments": part.get("arguments")}}
        for part in parts
        if part.get("type") == "tool_call"
    ]
    for part in parts:
        if part.get("type") == "tool_call_response":
            told = part.get("response", part.get("result"))
            yield {"role": "tool", "tool_call_id": str(part.get("id", "")), "content": _plain(told)}
    if texts or calls:
        text = "\n".join(text for text in texts if isinstance(text, str))
        yield {"role": message["role"], "content": text, **({"tool_calls": calls} if calls else {})}


def _output(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages = attributes.get("gen_ai.output.messages", attributes.get("gen_ai.completion"))
    if messages is not None:
        return [{**chat, "role": "assistant"} for chat in _messages(messages)]
    text = attributes.get("gen_ai.output.text")
    return [] if text is None else [{"role": "assistant", "content": _plain(text)}]


def _tool(attributes: Mapping[str, Any], span: str) -> list[dict[str, Any]]:
    """A tool that ran, as its result; as a call of it too, for agents whose spans do not say what they asked."""
    asked = str(attributes.get("gen_ai.tool.call.id") or span)
    arguments = _plain(attributes.get("gen_ai.tool.call.arguments", ""))
    call = {"id": asked, "function": {"name": str(attributes.get("gen_ai.tool.name", "")), "arguments": arguments}}
    told = _plain(attributes.get("gen_ai.tool.call.result", ""))
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": asked, "content": told},
    ]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _count(attributes: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = attributes.get(f"gen_ai.usage.{name}_tokens")
        if isinstance(value, int | float) and value >= 0:
            return int(value)
    return None
