"""Requests of every kind, private for every reason there is, or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Body = Callable[[str], dict[str, Any]]
MODELS = ("auto", "home", "mid", "top", "house", "mid-1", "frontier", "claude")


@dataclass(frozen=True)
class Asked:
    """One request. `body` is given the text that tells it from others."""

    path: str
    key: str
    private: bool
    body: Body = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    leave_after: float | None = None


def _chat(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]}


def _parts(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}


def _with_tools(text: str) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": f'{{"for": "{text}"}}'}}
    turns = [
        {"role": "user", "content": "look it up"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing found"},
    ]
    return {"messages": turns, "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]}


def _messages(text: str) -> dict[str, Any]:
    return {"max_tokens": 16, "messages": [{"role": "user", "content": text}]}


SURFACES: Mapping[str, tuple[Body, ...]] = {
    "/v1/chat/completions": (_chat, _parts, _with_tools),
    "/v1/messages": (_messages,),
    "/v1/messages/count_tokens": (_messages,),
    "/v1/responses": (lambda text: {"input": text}, lambda text: {"input": "go on", "instructions": text}),
    "/v1/completions": (lambda text: {"prompt": text},),
    "/v1/embeddings": (lambda text: {"input": [text, "other"]},),
    "/v1/moderations": (lambda text: {"input": text},),
}
_STREAMED = frozenset({"/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"})
CARD = "4111 1111 1111 1111"


@dataclass(frozen=True)
class Reason:
    """Why a request is private: its key, its header, something in its text or in another field."""

    key: str = "open"
    header: str = ""
    within: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


REASONS = (
    *(Reason("private"), Reason("hipaa"), Reason("forgotten"), Reason("clinic")),
    *(Reason(header="private"), Reason(header="hipaa"), Reason("private", header="open")),
    *(Reason(within=f" {CARD}"), Reason(within=f" {CARD.replace(' ', '-')} "), Reason("clinic", within=CARD)),
    *(Reason(fields={"metadata": {"note": CARD}}), Reason(fields={"user": CARD.replace(" ", "")})),
)


@st.composite
def continued(draw: st.DrawFn) -> tuple[Asked, Asked]:
    """A private request, and one that goes on with its conversation and does not say that it is private."""
    path = draw(st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses"]))
    header = draw(st.sampled_from(["private", "hipaa"]))
    more = {"model": draw(st.sampled_from(MODELS)), "stream": draw(st.booleans())}
    later = {"model": draw(st.sampled_from(MODELS)), "stream": draw(st.booleans())}
    turns = "input" if path == "/v1/responses" else "messages"
    bound = {"max_tokens": 16} if path == "/v1/messages" else {}

    def first(text: str) -> dict[str, Any]:
        return {turns: [{"role": "user", "content": text}], **bound, **more}

    def second(text: str) -> dict[str, Any]:
        said = [{"role": "user", "content": text}, {"role": "assistant", "content": "so"}]
        return {turns: [*said, {"role": "user", "content": "and then?"}], **bound, **later}

    leave = draw(st.sampled_from([None, None, 0.0]))
    told = {"x-homeport-data-class": header}
    return Asked(path, "open", True, first, told, leave), Asked(path, "open", True, second)


@st.composite
def asked(draw: st.DrawFn, *, private: bool) -> Asked:
    path = draw(st.sampled_from(sorted(SURFACES)))
    say = draw(st.sampled_from(SURFACES[path]))
    model = draw(st.sampled_from(MODELS)) if path != "/v1/moderations" else "homeport-recognizers"
    more: dict[str, Any] = {"model": model}
    if path in _STREAMED and draw(st.booleans()):
        more["stream"] = True
    why = draw(st.sampled_from(REASONS)) if private else Reason()
    headers = {"x-homeport-data-class": why.header} if why.header else {}
    leave = draw(st.sampled_from([None, None, None, 0.0, 0.002]))
    return Asked(path, why.key, private, lambda text: {**say(text + why.within), **more, **why.fields}, headers, leave)
