"""What an answer says, before it is written in anybody's words: the same for every dialect.

A request becomes an `Ask`, an `Ask` becomes a `Draft`. The same ask and seed give the same draft.
"""

import json
import math
import random
import re
from typing import Any

import msgspec

from homeport.providers.simulated.schema import invent
from homeport.providers.simulated.text import IMAGE_TOKENS, count_tokens, digest, extend, opening, pieces_of

ANY_TOOL = "*"
MAX_CHOICES = 128

_WORD = re.compile(r"[a-zA-Z]{4,}")
_ASKS = re.compile(r"\b(tools?|functions?)\b", re.IGNORECASE)
_LOGPROB_DIGITS = 4


class Tool(msgspec.Struct, frozen=True):
    """A tool that the caller offers; `schema` is the JSON schema of its arguments."""

    name: str
    schema: Any = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as far as it decides what is answered.

    Attributes:
        model: who answers.
        texts: all texts of the request; the one that asks (a chat's last user message) at the end.
        images: how many there are.
        seed: the caller's own.
        choices: how many answers are wanted.
        limit: most output tokens; 0 where the caller sets none.
        stops: texts that end an answer, and are not in it.
        tools: those offered.
        force: a tool's name, `ANY_TOOL`, "" for the model's choice; None forbids tools.
        parallel: several tools may be called at once.
        tool_said: what a tool answered, if that is the last thing that happened.
        schema: the answer is JSON that is valid against it.
    """

    model: str
    texts: tuple[str, ...]
    images: int = 0
    seed: int = 0
    choices: int = 1
    limit: int = 0
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    force: str | None = ""
    parallel: bool = True
    tool_said: str | None = None
    schema: Any = None

    @property
    def prompt(self) -> str:
        return self.texts[-1] if self.texts else ""

    @property
    def input_tokens(self) -> int:
        tools = sum(count_tokens(tool.name) + 8 for tool in self.tools)
        return sum(count_tokens(text) for text in self.texts) + self.images * IMAGE_TOKENS + tools


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool. `pieces` joined are its arguments as JSON, cut short where the tokens ran out."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: text or calls of tools.

    Attributes:
        finish: OpenAI's word for why it ended: stop, length or tool_calls.
        stopped_by: the stop text that ended it, or "".
    """

    pieces: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    stopped_by: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        return len(self.pieces) + sum(len(call.pieces) for call in self.calls)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """All answers to one ask. `digest` is 64 hexadecimal digits that name it."""

    model: str
    digest: str
    input_tokens: int
    choices: tuple[Choice, ...]

    @property
    def output_tokens(self) -> int:
        return sum(choice.tokens for choice in self.choices)


def draft(ask: Ask, seed: int, length: int, note: str = "", told: str | None = None) -> Draft:
    """Answer `ask`.

    Args:
        seed: ours; the caller's own is in the ask.
        length: how many tokens a text has, unless the caller allows fewer.
        note: a sentence for the beginning of each text.
        told: the text itself, where it is not to be invented.
    """
    name = digest(seed, ask.model, ask.seed, *ask.texts)
    count = min(ask.choices, MAX_CHOICES)
    if told is None:
        choices = tuple(_choice(ask, digest(name, index), length, note) for index in range(count))
    else:
        choices = (_cut(pieces_of(told), ask, ended=True),) * count
    return Draft(model=ask.model, digest=name, input_tokens=ask.input_tokens, choices=choices)


def logprob(name: str, at: int) -> float:
    """An invented natural logarithm of the probability of a token, the same for the same place."""
    dice = random.Random(f"{name}:{at}")  # noqa: S311  the same request gives the same numbers
    return round(-math.fabs(dice.gauss(0.0, 0.4)), _LOGPROB_DIGITS)


def called_tools(ask: Ask) -> list[Tool]:
    """The tools that the answer calls: those that are forced, or that the last user message asks for.

    It asks for a tool that it names, in full or by a word of its name of four letters or more; and for
    the first tool if it speaks of a tool or a function.
    """
    if not ask.tools or ask.force is None:
        return []
    if ask.force == "" and ask.tool_said is not None:
        return []
    named = [tool for tool in ask.tools if tool.name and tool.name in ask.prompt] or _hinted(ask)
    if ask.force not in ("", ANY_TOOL):
        return [tool for tool in ask.tools if tool.name == ask.force][:1]
    if not named and (ask.force == ANY_TOOL or _ASKS.search(ask.prompt)):
        named = [ask.tools[0]]
    return named if ask.parallel else named[:1]


def _hinted(ask: Ask) -> list[Tool]:
    prompt = ask.prompt.lower()
    return [tool for tool in ask.tools if any(word.lower() in prompt for word in _WORD.findall(tool.name))][:1]


def _choice(ask: Ask, name: str, length: int, note: str) -> Choice:
    if tools := called_tools(ask):
        return _calls(ask, tools, name)
    if ask.schema is not None:
        text = _json(invent(ask.schema, name))
        return _cut(pieces_of(text), ask, ended=True)
    said = opening(note, ask.prompt)
    if ask.tool_said is not None:
        said += f' The tool said: "{" ".join(ask.tool_said[:400].split()[:8])}".'
    if ask.images:
        said += f" Images seen: {ask.images}."
    wanted = min(length, ask.limit) if ask.limit else length
    return _cut(extend(said, name, wanted), ask, ended=wanted == length)


def _cut(pieces: list[str], ask: Ask, *, ended: bool) -> Choice:
    """The text as far as it may go: to the first stop text, or to the limit."""
    if ask.stops:
        text = "".join(pieces)
        found = [(text.find(stop), stop) for stop in ask.stops if stop and stop in text]
        if found:
            at, stop = min(found)
            pieces = pieces_of(text[:at])
            return Choice(pieces=tuple(pieces), stopped_by=stop)
    if ask.limit and len(pieces) > ask.limit:
        return Choice(pieces=tuple(pieces[: ask.limit]), finish="length")
    return Choice(pieces=tuple(pieces), finish="stop" if ended else "length")


def _calls(ask: Ask, tools: list[Tool], name: str) -> Choice:
    left = ask.limit or 1_000_000
    calls: list[ToolCall] = []
    finish = "tool_calls"
    for at, tool in enumerate(tools):
        invented = invent(tool.schema, digest(name, tool.name))
        value = invented if isinstance(invented, dict) else {}
        pieces = pieces_of(_json(value))
        if len(pieces) > left:
            pieces, finish = pieces[:left], "length"
        calls.append(ToolCall(id=f"call_sim{digest(name, at)[:20]}", name=tool.name, pieces=tuple(pieces)))
        left -= len(pieces)
        if left <= 0 and at + 1 < len(tools):
            finish = "length"
            break
    return Choice(calls=tuple(calls), finish=finish)


def _json(value: Any) -> str:
    # Not msgspec, which refuses integers beyond 64 bits: a schema may ask for them.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
