"""Scripted agents: what they have sent so far, in the words of each conversation surface."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Raw

from homeport.config.loops import LoopSettings
from homeport.core.money import Nano
from homeport.ledger.loops.guard import Level, LoopGuard, Verdict
from homeport.ledger.loops.wording import explanation

Messages = list[dict[str, Any]]
Turn = Callable[[int], Messages]
START: Messages = [{"role": "system", "content": "You work."}, {"role": "user", "content": "Find the order of Ms Lee."}]
SECOND = 1_000_000_000


def chat(at: int, name: str, arguments: Any, result: str) -> Messages:
    """A turn in OpenAI's chat words, with ids that are never the same."""
    call = {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    return [asked, {"role": "tool", "tool_call_id": f"call_{at}", "content": result}]


def responses(at: int, name: str, arguments: Any, result: str) -> Messages:
    """The same as items of Responses."""
    call = {"type": "function_call", "call_id": f"c{at}", "name": name, "arguments": json.dumps(arguments)}
    thought = {"type": "reasoning", "id": f"rs_{at}", "summary": []}
    return [thought, call, {"type": "function_call_output", "call_id": f"c{at}", "output": result}]


def anthropic(at: int, name: str, arguments: Any, result: str) -> Messages:
    """The same as blocks of Messages, with a thought that is never the same."""
    call = {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": arguments}
    told = {"type": "tool_result", "tool_use_id": f"toolu_{at}", "content": [{"type": "text", "text": result}]}
    asked = {"role": "assistant", "content": [{"type": "text", "text": f"Attempt {at}."}, call]}
    return [asked, {"role": "user", "content": [told]}]


WORDS = {"chat/completions": chat, "responses": responses, "messages": anthropic}


def said(answer: str, reply: str) -> Messages:
    return [{"role": "assistant", "content": answer}, {"role": "user", "content": reply}]


def raw(messages: Iterable[Any]) -> list[Raw]:
    return [Raw(json.dumps(message).encode()) for message in messages]


class Run:
    """An agent that sends its whole history with each call, until it is stopped.

    Attributes:
        stopped: the number of the call that was refused, from 1; 0 for none.
        verdicts: of each call.
        why: what the refused call was told.
    """

    def __init__(
        self,
        turn: Turn,
        *,
        calls: int = 40,
        trace: str = "",
        start: Messages = START,
        settings: LoopSettings | None = None,
        guards: int = 1,
        cost: int = 1_000_000,
        answer: Callable[[int], int] = lambda at: at + 1,
        keeps: int | None = None,
    ) -> None:
        processes = [LoopGuard(settings or LoopSettings()) for _ in range(guards)]
        messages, self.stopped, self.why = list(start), 0, ""
        self.verdicts: list[Verdict] = []
        for at in range(calls):
            kept = messages if keeps is None else [*messages[:2], *messages[2:][-keeps:]]
            guard, sent = processes[at % guards], raw(kept)
            watched = guard.check("key", trace, sent, at * SECOND)
            self.verdicts.append(watched.verdict)
            if watched.verdict.level is Level.STOP:
                self.stopped, self.why = at + 1, explanation(watched.verdict, sent)
                return
            guard.finish(watched, Nano(cost), answer(at))
            messages += turn(at)
