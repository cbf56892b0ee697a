"""What the request needs, and who is removed because they lack it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from homeport.core.errors import InvalidRequest
from homeport.core.routing import Question
from homeport.core.types import Capability, DataClass, Inference, Key, Surface, Target
from homeport.routing.eligibility import Catalogue, Eligible, eligible, set_aside
from homeport.routing.needs import fits, needs
from homeport.routing.prompt import read_prompt
from tests.fakes.facts import SetFacts, question
from tests.fakes.house import target
from tests.routing.test_prompt import JSON

ANYONE = Key(id="k", name="k")
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]
FILE = [{"role": "user", "content": [{"type": "document", "source": {}}]}]


class ReadFacts(SetFacts):
    """Prompts are read as they are."""

    def prompt(self, inference: Inference) -> Any:
        return read_prompt(inference)


def asked(surface: Surface = Surface.CHAT, *, chars: int = 0, **fields: Any) -> Question:
    inference = Inference(
        surface=surface,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=chars,
        deterministic=False,
        fields={name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()},
    )
    return question(inference, ReadFacts())


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ({"messages": [{"role": "user", "content": "an image of a document"}]}, set()),
        ({"tools": [{}]}, {Capability.TOOLS}),
        ({"tools": []}, set()),
        ({"tools": None}, set()),
        ({"response_format": {"type": "json_schema"}}, {Capability.JSON}),
        ({"response_format": {"type": "text"}}, set()),
        ({"text": {"format": {"type": "json_object"}}}, {Capability.JSON}),
        ({"messages": IMAGE}, {Capability.VISION}),
        ({"messages": FILE, "tools": [{}]}, {Capability.FILES, Capability.TOOLS}),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, {Capability.VISION}),
    ],
)
def test_needs(fields: dict[str, Any], needed: set[Capability]) -> None:
    assert needs(asked(**fields)) == needed


def test_embeddings_need_nothing() -> None:
    assert needs(asked(Surface.EMBEDDING, input=IMAGE, tools=[{}])) == frozenset()


@given(messages=JSON, tools=JSON, response=JSON, bound=JSON)
def test_needs_and_room_are_total(messages: Any, tools: Any, response: Any, bound: Any) -> None:
    found = asked(chars=40, messages=messages, tools=tools, response_format=response, max_tokens=bound)
    assert needs(found) <= frozenset(Capability)
    assert fits(found.inference, target("t", context_tokens=1_000)) in (True, False)


@pytest.mark.parametrize(
    ("chars", "bound", "fit"),
    [(4_000, None, True), (4_004, None, False), (2_000, 500, True), (2_004, 500, False), (2_000, 10**9, True)],
)
def test_room(chars: int, bound: int | None, fit: bool) -> None:
    fields: dict[str, Any] = {} if bound is None else {"max_completion_tokens": bound}
    assert fits(asked(chars=chars, **fields).inference, target("t", context_tokens=1_000)) is fit


def masked(found: Question, *targets: Target) -> Eligible:
    return eligible(Catalogue(targets, {}), found, ANYONE, DataClass.OPEN)


def codes(mask: Eligible) -> list[tuple[str, str]]:
    return [(one.target.name, one.why) for one in mask.removed]


def test_who_lacks_an_ability_is_removed_and_who_is_unknown_is_not() -> None:
    blind, unknown = target("blind", capabilities=frozenset({Capability.TOOLS})), target("unknown")
    mask = masked(asked(messages=IMAGE), blind, unknown)
    assert ([one.name for one in mask.targets], codes(mask)) == (["unknown"], [("blind", "no_vision")])
    with pytest.raises(InvalidRequest) as caught:
        masked(asked(messages=IMAGE), blind)
    assert caught.value.code == "capability_not_supported"
    assert "no_vision" in caught.value.message


def test_what_is_too_long_goes_where_there_is_room_and_else_where_it_was_sent() -> None:
    short, long = target("short", context_tokens=100), target("long")
    mask = masked(asked(chars=1_000), short, long)
    assert ([one.name for one in mask.targets], codes(mask)) == (["long"], [("short", "context_length")])
    alone = masked(asked(chars=1_000), short)
    assert (alone.targets, alone.removed) == ((short,), ())


def test_the_length_of_a_text_does_not_choose_what_embeds_it() -> None:
    short, long = target("short", context_tokens=100), target("long")
    assert masked(asked(Surface.EMBEDDING, chars=10_000), short, long).targets == (short, long)


def test_every_removal_is_told_but_those_of_the_key() -> None:
    own = target("own", local=True)
    own_chat = target("chat", local=True, surfaces=frozenset({Surface.CHAT}))
    away, hidden = target("away"), target("hidden")
    key = Key(id="k", name="k", models=frozenset({"own", "chat", "away"}))
    mask = eligible(Catalogue([own, own_chat, away, hidden], {}), asked(Surface.RERANK), key, DataClass.PRIVATE)
    assert mask.targets == (own,)
    assert codes(mask) == [("away", "data_class"), ("chat", "surface")]
    fake = target("fake", simulated=True)
    assert codes(masked(asked(), own, fake)) == [("fake", "simulated")]


def test_what_cannot_be_called_now_is_set_aside_while_another_can() -> None:
    own, mid = target("own", local=True), target("mid")
    down = question(asked().inference, SetFacts(closed={"own": "not_ready"}))
    targets, removed = set_aside((own, mid), down)
    assert (targets, [(one.target.name, one.why) for one in removed]) == ((mid,), [("own", "not_ready")])
    both = question(asked().inference, SetFacts(closed={"own": "not_ready", "mid": "circuit_open"}))
    assert set_aside((own, mid), both) == ((own, mid), ())
    vectors = question(asked(Surface.EMBEDDING).inference, SetFacts(closed={"own": "not_ready"}))
    assert set_aside((own, mid), vectors) == ((own, mid), ())
