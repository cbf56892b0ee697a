"""Who asks what, in a world of few values, so that strangers' requests are often alike but for one thing; and an
account of what an answer depends on that shares nothing with the code it is held against."""

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from homeport.core.caching import CacheRule, Mode, Sharing
from homeport.core.privacy import Action, Assessment
from homeport.core.types import DataClass, Key, Surface, Target
from tests.cache.asking import target

UNHURRIED = settings(
    max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""A thousand worlds, however long they take."""

PEOPLE = (
    Key(id="key_ann", name="ann", project="acme/shop"),
    Key(id="key_bob", name="bob", project="acme/shop"),
    Key(id="key_eve", name="eve", project="acme"),
    Key(id="acme/shop", name="named like a project", project="key_ann"),
)
KINDS = (
    Assessment(),
    Assessment(classes=("legal",)),
    Assessment(classes=("hr", "legal")),
    Assessment(data_class=DataClass.PRIVATE, action=Action.LOCAL_ONLY, classes=("hr",)),
    Assessment(action=Action.REDACT_AND_RESTORE, found=("email",)),
)
TARGETS = (
    target(),
    target(revision="sha256:b"),
    target(model="mid-2"),
    target(upstream="other"),
    target(name="top"),
    target(name="midapi", upstream=""),
)
SURFACES = (Surface.CHAT, Surface.MESSAGES, Surface.RESPONSES)
LASTING = ("How does one cancel the subscription?", "How does one not cancel the subscription?", "Who is Ann Smith?")
NOBODYS = ("", " ", "\u00a0\n", "?!", "Who is Ann\u200b Smith?", "Who is Ann Smith\0?", "What is the weather in Oslo?")
PERSONAL = "How do I cancel my subscription?"
SYSTEMS = ("", "Be brief.", "Be rude.", "Who is Ann Smith?")
HISTORIES: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("user", "Hi"), ("assistant", "Hello")),
    (("user", "Hi"), ("assistant", "Hello!")),
    (("user", "HiHello"), ("assistant", "")),
)
TOOLS = (None, "f", "g")
PARAMETERS: tuple[dict[str, Any], ...] = (
    {},
    {"temperature": 0},
    {"temperature": 0.0},
    {"top_p": 0.5},
    {"max_tokens": 9},
    {"user": "u1"},
    {"user": "u2"},
    {"metadata": {"a": "b"}},
    {"unknown": [{"a": 1}]},
    {"unknown": [{"a": 1.0}]},
)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as it is sent, and to whom it goes."""

    body: bytes
    surface: Surface = Surface.CHAT
    key: Key = PEOPLE[0]
    rule: CacheRule = CacheRule(exact=True, semantic=Mode.BALANCED)
    kind: Assessment = KINDS[0]
    corpus: str = ""
    end_user: str = ""
    embedder: str = "static:1"
    batch: bool = False
    target: Target = TARGETS[0]


def _one(*values: Any) -> st.SearchStrategy[Any]:
    """The first value most of the time, so that most requests differ in little."""
    return st.sampled_from(values[:1] * (2 * len(values)) + values)


RULES = st.builds(
    CacheRule,
    name=_one("r", "s"),
    exact=_one(True, False),
    semantic=_one(Mode.BALANCED, Mode.STRICT, Mode.OFF),
    sharing=_one(Sharing.KEY, Sharing.PROJECT, Sharing.EVERYONE),
    ttl_s=_one(3600, 60),
    multi_turn=_one(False, True),
    corpus=_one("", "v1", "v2"),
)
BODIES = st.builds(
    lambda surface, *said: (surface, body_of(surface, *said)),
    _one(*SURFACES),
    _one(*LASTING, PERSONAL, *NOBODYS),
    _one(*SYSTEMS),
    _one(*HISTORIES),
    _one(*TOOLS),
    _one(*PARAMETERS),
    st.sampled_from([{"model": "auto"}, {"model": "mid", "stream": True}]),
)
ASKS = st.builds(
    lambda spoken, **more: Ask(surface=spoken[0], body=spoken[1], **more),
    BODIES,
    key=_one(*PEOPLE),
    rule=RULES,
    kind=_one(*KINDS),
    corpus=_one("", "v1", "v2"),
    end_user=_one("", "u1", "u2"),
    embedder=_one("static:1", "minilm:1"),
    batch=_one(False, True),
    target=_one(*TARGETS),
)


def body_of(
    surface: Surface,
    text: str,
    system: str,
    history: tuple[tuple[str, str], ...],
    tool: str | None,
    parameters: dict[str, Any],
    call: dict[str, Any],
) -> bytes:
    turns = [{"role": role, "content": said} for role, said in history] + [{"role": "user", "content": text}]
    body: dict[str, Any] = {**call, **parameters}
    if surface is Surface.RESPONSES:
        body |= {"input": turns, "store": False} | ({"instructions": system} if system else {})
    elif surface is Surface.MESSAGES:
        body |= {"messages": turns, "max_tokens": 9} | ({"system": system} if system else {})
    else:
        body["messages"] = [*([{"role": "system", "content": system}] if system else []), *turns]
    if tool is not None:
        nested = {"type": "function", "function": {"name": tool}}
        flat = {"type": "function", "name": tool} if surface is Surface.RESPONSES else {"name": tool}
        body["tools"] = [nested if surface is Surface.CHAT else flat]
    return json.dumps(body).encode()


def depends_on(ask: Ask) -> tuple[Any, ...]:
    """All that decides an answer and who may see it."""
    fields = {name: value for name, value in _fields(ask).items() if name not in ("model", "stream", "stream_options")}
    return (*_around(ask), tuple(sorted(fields.items())))


def depends_on_without_words(ask: Ask) -> tuple[Any, ...] | None:
    """The same but for the last words; None where no other words may be answered by its answer."""
    if is_exact_only(ask):
        return None
    fields = _fields(ask)
    field = "input" if ask.surface is Surface.RESPONSES else "messages"
    fields[field] = fields[field][:-1]
    left = {name: value for name, value in fields.items() if name not in ("model", "stream", "stream_options")}
    return (*_around(ask), ask.embedder, tuple(sorted(left.items())))


def is_exact_only(ask: Ask) -> bool:
    fields = _fields(ask)
    turns = fields["input" if ask.surface is Surface.RESPONSES else "messages"]
    last = turns[-1]
    roles = [dict(turn).get("role") for turn in turns[:-1]]
    is_plain = sorted(name for name, _ in last) == ["content", "role"] and dict(last)["role"] == "user"
    text = dict(last).get("content")
    is_said = isinstance(text, str) and text in (*LASTING, PERSONAL)
    return (
        ask.rule.semantic is Mode.OFF
        or _is_private(ask)
        or ask.batch
        or "tools" in fields
        or not (is_plain and is_said)
        or (not ask.rule.multi_turn and any(role not in ("system", "developer") for role in roles))
        or (ask.rule.sharing is not Sharing.KEY and text == PERSONAL)
    )


def _is_private(ask: Ask) -> bool:
    return ask.kind.action is not Action.ALLOW or ask.kind.data_class is DataClass.PRIVATE


def _around(ask: Ask) -> tuple[Any, ...]:
    sharing = Sharing.KEY if _is_private(ask) else ask.rule.sharing
    seen_by: dict[Sharing, tuple[str, ...]] = {
        Sharing.KEY: ("key", ask.key.id, ask.end_user),
        Sharing.PROJECT: ("project", ask.key.project),
        Sharing.EVERYONE: ("everyone",),
    }
    by = ask.target
    rule = ask.rule
    return (
        seen_by[sharing],
        ask.surface,
        (rule.name, rule.ttl_s, rule.semantic, rule.corpus),
        ask.corpus,
        (ask.kind.action, ask.kind.data_class, ask.kind.classes),
        (by.name, by.upstream, by.model, by.revision),
    )


def _fields(ask: Ask) -> dict[str, Any]:
    """A body as an upstream may read it: fields in order, twice where they are there twice, numbers as written."""

    def number(literal: str) -> tuple[str, str]:
        return ("number", literal)

    pairs = json.loads(ask.body, object_pairs_hook=tuple, parse_int=number, parse_float=number)
    return {name: _hashable(value) for name, value in pairs}


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_hashable(inner) for inner in value)
    return ("constant", str(value)) if isinstance(value, bool) or value is None else value
