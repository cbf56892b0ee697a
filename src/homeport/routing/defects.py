"""What can be seen of an answer without asking any model: it costs nothing, and is rarely wrong."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.routing import Answer, Question
from homeport.core.types import Inference, Surface

EMPTY = "empty_answer"
REFUSAL = "refusal"
TRUNCATED = "truncated"
INVALID_JSON = "invalid_json"
UNKNOWN_TOOL = "unknown_tool"
INVALID_TOOL_CALL = "invalid_tool_call"
NO_TOOL_CALL = "no_tool_call"
REPETITION = "repetition"

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BEGINNING = 300
_BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MUST_CALL = frozenset({"required", "any", "tool", "function"})
_LOOKED_AT = 200
_GRAM = 4
_LEAST_WORDS = 40
_LEAST_CHARS = 200
_CHARS_GRAM = 8
_LEAST_DIFFERENT = 0.35

# At the very beginning alone: further on, these words are mostly a part of what was asked for.
_REFUSES = re.compile(
    r"""\W{0,8}
    (?:(?:i'?m|i\ am)\ (?:so\ |very\ |truly\ )?sorry|sorry|(?:i\ |my\ )?apologi[sz]e?s?|unfortunately|i\ regret)?
    \W{0,4}(?:but|however|that|to\ say)?\W{0,4}
    (?:as\ an?\ (?:ai|artificial\ intelligence|large\ language|language|text-based)\b[^.\n]{0,60}?[,\ ]\ ?)?
    (?:i|we)\W{0,2}
    (?:
      (?:cannot|can'?t|can\ not|won'?t|will\ not|could\ not|couldn'?t)\ (?:be\ able\ to\ )?
        (?:assist|help|provide|answer|comply|fulfil|fulfill|do\ that|access|discuss|create|generate|offer|give|browse
          |open|see|view|process|respond|complete|engage)\b
      |(?:am|'?m|are|'re)\ (?:currently\ )?(?:unable|not\ able|not\ capable|not\ in\ a\ position)\b
      |(?:do\ not|don'?t)\ (?:have\ (?:access|enough|the\ ability|any\ information|information|sufficient)|know\b)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_AS_AN_AI = re.compile(
    r"\W{0,4}as an (?:ai|artificial intelligence)\b[^.\n]{0,60}\b(?:cannot|can'?t|do not|don'?t|unable)\b",
    re.IGNORECASE,
)


def defect(question: Question, answer: Answer) -> str:
    """The stable code of the first thing that is wrong with it; "" where nothing is seen.

    Of the beginning of a stream, only what no continuation can mend is judged.
    """
    inference = question.inference
    return (
        _unfinished(inference, answer)
        or (REFUSAL if _is_refusal(answer) else "")
        or _wrong_call(inference, answer)
        or (INVALID_JSON if question.prompt.schema and _is_no_json(answer) else "")
        or (REPETITION if not question.prompt.schema and repeats(answer.text) else "")
    )


def _unfinished(inference: Inference, answer: Answer) -> str:
    if not answer.whole:
        return ""
    if answer.finish == "length" and not _is_bounded(inference):
        return TRUNCATED
    return "" if answer.text.strip() or answer.tool_calls or answer.finish == "content_filter" else EMPTY


def _is_bounded(inference: Inference) -> bool:
    """Whether the caller said how long the answer may be: then it is not cut, but as long as it was to be."""
    return any(bytes(inference.fields.get(name, b"null")) != b"null" for name in _BOUNDS)


def _is_refusal(answer: Answer) -> bool:
    return answer.finish == "content_filter" or (refuses(answer.text) and not answer.tool_calls)


def refuses(text: str) -> bool:
    """Whether a text begins as English refusals do."""
    begins = text[:_BEGINNING].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _REFUSES.match(begins) is not None or _AS_AN_AI.match(begins) is not None


def _is_no_json(answer: Answer) -> bool:
    text = answer.text.strip()
    if not answer.whole:
        return bool(text) and text[0] not in "{["
    if answer.finish == "length" or answer.tool_calls:
        return False  # It was asked to end there; what is called is looked at as a call.
    return not _is_json(text)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except _UNREADABLE:
        return False
    return True


def _wrong_call(inference: Inference, answer: Answer) -> str:
    """What is wrong with the tools that are called: not offered, not an object, or without what they require."""
    if not (answer.tools or answer.tool_calls):
        return NO_TOOL_CALL if answer.whole and answer.finish != "length" and _must_call(inference) else ""
    offered = dict(_offered(inference.fields))
    # Tools that are all told in a way we do not know hold nothing against a call.
    known = bool(offered) or "tools" not in inference.fields
    if known and answer.whole and any(name not in offered for name in answer.tools):
        return UNKNOWN_TOOL
    if answer.whole and answer.finish != "length":
        for name, arguments in zip(answer.tools, answer.tool_calls, strict=False):
            given = _object(arguments)
            if given is None or not set(offered.get(name, ())) <= set(given):
                return INVALID_TOOL_CALL
    return ""


def _must_call(inference: Inference) -> bool:
    choice = _value(inference.fields.get("tool_choice"))
    kind = choice.get("type") if isinstance(choice, dict) else choice
    return isinstance(kind, str) and kind in _MUST_CALL and bool(_value(inference.fields.get("tools")))


def _offered(fields: Mapping[str, Raw]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each tool with what its calls must give, whatever the API calls it."""
    tools = _value(fields.get("tools"))
    for tool in tools if isinstance(tools, list) else []:
        told = tool.get("function", tool) if isinstance(tool, dict) else None
        name = told.get("name") if isinstance(told, dict) else None
        if isinstance(told, dict) and isinstance(name, str):
            schema = told.get("parameters", told.get("input_schema"))
            required = schema.get("required") if isinstance(schema, dict) else None
            yield name, [one for one in required if isinstance(one, str)] if isinstance(required, list) else []


def _value(raw: Raw | None) -> Any:
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except _UNREADABLE:
        return None


def _object(arguments: str) -> dict[str, Any] | None:
    try:
        given = msgspec.json.decode(arguments.encode("utf-8", "surrogatepass") or b"{}")
    except _UNREADABLE:
        return None
    return given if isinstance(given, dict) else None


def repeats(text: str) -> bool:
    """Whether the end of a text goes round in a loop: few of its runs of words, or of characters, differ."""
    words = text[-_LOOKED_AT * 12 :].split()[-_LOOKED_AT:]
    if len(words) >= _LEAST_WORDS:
        return _different([tuple(words[at : at + _GRAM]) for at in range(len(words) - _GRAM + 1)]) < _LEAST_DIFFERENT
    end = text[-3 * _LEAST_CHARS :]
    if len(end) < _LEAST_CHARS:
        return False
    return _different([end[at : at + _CHARS_GRAM] for at in range(len(end) - _CHARS_GRAM + 1)]) < _LEAST_DIFFERENT


def _different(grams: Sequence[object]) -> float:
    return len(set(grams)) / len(grams)


def can_be_looked_at(surface: Surface) -> bool:
    """Whether answers of a surface are generated: vectors and rankings show nothing."""
    return surface in _GENERATED


_GENERATED = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.MESSAGES, Surface.RESPONSES})
