"""A row of the ledger, and what was kept of the request, as the sample that metrics look at. Total."""

from collections.abc import Iterator, Mapping
from typing import Any

from homeport.core.captured import Captured
from homeport.evaluation.metrics.base import Form, Message, Sample, ToolCall
from homeport.protocols.answers.parts import field, listed, value_of
from homeport.storage.scores import LedgerRow
from homeport.traces.said import said

_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_FORMATS = (("response_format",), ("text", "format"), ("output_config", "format"), ("output_format",))
"""Where a request says what format it wants: chats, OpenAI's responses, Anthropic's messages, now and before."""


def sample_of(row: LedgerRow, captured: Captured | None) -> Sample:
    """The sample; without `captured`, it has no text."""
    figures = Sample(
        output_tokens=row.output_tokens,
        latency_ns=row.latency_ns,
        ttft_ns=row.ttft_ns,
        stream=row.stream,
        model=row.model,
        tier=row.tier,
        target=row.target,
    )
    return figures if captured is None else _read(figures, captured)


def _read(figures: Sample, captured: Captured) -> Sample:
    told, fields = said(captured), value_of(captured.body)
    form, schema = _format(fields)
    return Sample(
        messages=tuple(Message(message.role, message.text) for message in told.messages),
        output=told.answer,
        tool_calls=tuple(ToolCall(call.name, call.arguments) for call in told.tool_calls),
        finish=told.finish,
        form=form,
        schema=schema,
        tools=dict(_tools(fields)),
        max_tokens=_bound(fields),
        output_tokens=figures.output_tokens,
        latency_ns=figures.latency_ns,
        ttft_ns=figures.ttft_ns,
        stream=figures.stream,
        model=figures.model,
        tier=figures.tier,
        target=figures.target,
    )


def _format(fields: Any) -> tuple[Form, Mapping[str, Any] | None]:
    for path in _FORMATS:
        wanted = fields
        for name in path:
            wanted = field(wanted, name)
        match field(wanted, "type"):
            case Form.OBJECT:
                return Form.OBJECT, None
            case Form.SCHEMA:
                schema = field(field(wanted, "json_schema"), "schema") or field(wanted, "schema")
                return Form.SCHEMA, schema if isinstance(schema, dict) else None
    return Form.ANY, None


def _tools(fields: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each tool that is offered, with the schema of its arguments; without one, an empty schema."""
    for tool in listed(field(fields, "tools")):
        told = field(tool, "function") or tool
        name = field(told, "name")
        schema = field(told, "parameters") or field(told, "input_schema")
        if isinstance(name, str):
            yield name, schema if isinstance(schema, dict) else {}


def _bound(fields: Any) -> int | None:
    bounds = (field(fields, name) for name in _BOUNDS)
    return next((bound for bound in bounds if isinstance(bound, int) and not isinstance(bound, bool)), None)
