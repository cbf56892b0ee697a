"""Keys: all that an answer depends on is in them, and nothing that is written in another way is taken for the same."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.keys import Asked, Keys, Uncached
from homeport.core.caching import CacheRule, Mode, Place, Sharing
from homeport.core.privacy import Action, Assessment
from homeport.core.types import DataClass, Inference, Key, Surface
from tests.cache.asking import ANN, EXACT, KEYS, MID, QUESTION, RULE, SECRET, asked, chat, decoded, read, target

SYSTEM = {"role": "system", "content": "Be brief."}


def place(body: Any = None, at: Any = MID, **more: Any) -> Place:
    return asked(chat() if body is None else body, **more).at(at)


OTHERS: dict[str, Callable[[], Place]] = {
    "key": lambda: place(key=Key(id="key_bob", name="bob", project="acme/shop")),
    "end user": lambda: place(end_user="u1"),
    "target": lambda: place(at=target(name="top")),
    "upstream": lambda: place(at=target(upstream="other")),
    "model": lambda: place(at=target(model="mid-2")),
    "revision": lambda: place(at=target(revision="abc")),
    "system prompt": lambda: place(chat(QUESTION, SYSTEM)),
    "other system prompt": lambda: place(chat(QUESTION, {**SYSTEM, "content": "Be brief!"})),
    "developer": lambda: place(chat(QUESTION, {**SYSTEM, "role": "developer"})),
    "history": lambda: place(
        chat(QUESTION, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}),
        rule=msgspec.structs.replace(RULE, multi_turn=True),
    ),
    "max_tokens": lambda: place(chat(max_tokens=5)),
    "max_tokens as text": lambda: place(chat(max_tokens_="5")),
    "temperature": lambda: place(chat(temperature=0)),
    "temperature 0.0": lambda: place(chat(temperature=0.0)),
    "unknown field": lambda: place(chat(whatever=1)),
    "null field": lambda: place(chat(whatever=None)),
    "response_format": lambda: place(chat(response_format={"type": "json_object"})),
    "user": lambda: place(chat(user="u1")),
    "corpus": lambda: place(corpus="v2"),
    "the rule's corpus": lambda: place(rule=msgspec.structs.replace(RULE, corpus="v2")),
    "both corpora": lambda: place(rule=msgspec.structs.replace(RULE, corpus="v2"), corpus="v2"),
    "rule": lambda: place(rule=msgspec.structs.replace(RULE, name="other")),
    "ttl": lambda: place(rule=msgspec.structs.replace(RULE, ttl_s=60)),
    "mode": lambda: place(rule=msgspec.structs.replace(RULE, semantic=Mode.STRICT)),
    "project": lambda: place(rule=msgspec.structs.replace(RULE, sharing=Sharing.PROJECT)),
    "everyone": lambda: place(rule=msgspec.structs.replace(RULE, sharing=Sharing.EVERYONE)),
    "class": lambda: place(assessment=Assessment(classes=("legal",))),
    "private": lambda: place(assessment=Assessment(data_class=DataClass.PRIVATE)),
    "redacted": lambda: place(assessment=Assessment(action=Action.REDACT_AND_RESTORE)),
    "local": lambda: place(assessment=Assessment(action=Action.LOCAL_ONLY)),
    "secret": lambda: place(keys=Keys(SECRET + b"!", "static:1")),
    "nothing else": place,
}


def test_whatever_an_answer_depends_on_is_in_both_keys() -> None:
    for (one, a), (other, b) in itertools.combinations([(name, make()) for name, make in OTHERS.items()], 2):
        assert a.id != b.id, (one, other)
        assert a.partition != b.partition, (one, other)


def test_the_same_request_has_the_same_place_whoever_streams_and_however_the_model_is_called() -> None:
    here = place()
    assert here == place() == place(chat(stream=True, stream_options={"include_usage": True}))
    assert here == place({**chat(), "model": "mid"})
    assert (here.text, here.mode) == (QUESTION, Mode.BALANCED)
    assert {len(key) for key in (here.id, here.partition, here.prompt)} == {16}
    assert here.id != here.partition


def test_other_last_words_share_the_partition_alone() -> None:
    one, other = place(), place(chat("Cancel it all, please"))
    assert one.partition == other.partition
    assert one.id != other.id


def test_one_part_is_the_same_partition_as_a_text_and_another_request() -> None:
    parts = place(chat([{"type": "text", "text": QUESTION}]))
    assert (parts.partition, parts.text) == (place().partition, QUESTION)
    assert parts.id != place().id


def test_the_embedder_is_of_the_partition_and_not_of_the_very_same_request() -> None:
    other = place(keys=Keys(SECRET, "minilm:1"))
    assert other.id == place().id
    assert other.partition != place().partition


def test_without_an_embedder_only_the_very_same_will_do() -> None:
    assert asked(chat(), keys=Keys(SECRET)).semantic == "no_embedder"


def test_a_batch_takes_only_the_very_same() -> None:
    line = asked(chat(), batch=True)
    assert (line.semantic, line.text, line.at(MID).mode) == ("batch", "", Mode.OFF)
    assert line.at(MID).id == place().id


@pytest.mark.parametrize("shared", [Sharing.PROJECT, Sharing.EVERYONE])
def test_who_shares_is_as_the_rule_says(shared: Sharing) -> None:
    rule = msgspec.structs.replace(RULE, sharing=shared)
    mate = Key(id="key_mate", name="mate", project=ANN.project)
    stranger = Key(id="key_else", name="else", project="acme")
    text = chat("How does one cancel the subscription?")
    mine = place(text, rule=rule)
    assert mine == place(text, rule=rule, key=mate, end_user="u2")
    assert (mine.id == place(text, rule=rule, key=stranger).id) is (shared is Sharing.EVERYONE)
    assert asked(text, rule=rule, key=mate).tenant == "project:acme/shop"
    assert asked(text).tenant == "key_ann"


def test_a_project_is_not_taken_for_a_key_of_that_name() -> None:
    project = place(rule=msgspec.structs.replace(RULE, sharing=Sharing.PROJECT), key=Key(id="x", name="", project="k"))
    assert project.id != place(key=Key(id="k", name="", project="k")).id


PRIVATE = [
    Assessment(data_class=DataClass.PRIVATE),
    *(Assessment(action=action) for action in Action if action is not Action.ALLOW),
]


@pytest.mark.parametrize("assessment", PRIVATE)
def test_what_is_private_is_the_keys_alone_and_not_written_down(assessment: Assessment) -> None:
    wide = msgspec.structs.replace(RULE, sharing=Sharing.EVERYONE)
    found = asked(chat(), rule=wide, assessment=assessment)
    assert (found.sharing, found.persistent, found.semantic, found.text) == (Sharing.KEY, False, "private", "")
    assert found.at(MID).id != place(rule=wide, assessment=assessment, key=Key(id="key_bob", name="bob")).id


def test_what_was_found_keeps_words_from_others() -> None:
    found = Assessment(found=("email",))
    assert asked(chat(), assessment=found).semantic == ""
    wide = msgspec.structs.replace(RULE, sharing=Sharing.PROJECT)
    assert asked(chat("Who is a@b.example?"), rule=wide, assessment=found).semantic == "personal"


def test_an_answer_that_the_upstream_keeps_is_its_keys_alone_and_to_no_other_words() -> None:
    body = {"model": "auto", "input": "How does one cancel the subscription?"}
    wide = msgspec.structs.replace(RULE, sharing=Sharing.EVERYONE)
    native = target(surfaces=frozenset({Surface.RESPONSES, Surface.CHAT}))
    ann, bob = (asked(body, Surface.RESPONSES, wide, key=Key(id=name, name=name)) for name in ("ann", "bob"))
    assert ann.at(MID) == bob.at(MID)
    assert ann.at(MID).text
    assert ann.at(native).id != bob.at(native).id
    assert (ann.at(native).text, ann.at(native).mode) == ("", Mode.OFF)
    kept = asked({**body, "store": False}, Surface.RESPONSES, wide)
    assert kept.at(native).text


def test_an_input_is_the_same_partition_as_the_one_message_that_it_stands_for() -> None:
    texts = [QUESTION, [{"role": "user", "content": QUESTION}], [{"type": "message", "role": "user", "content": "a b"}]]
    places = [asked({"model": "m", "input": text}, Surface.RESPONSES).at(MID) for text in texts]
    assert len({one.partition for one in places}) == 1
    assert len({one.id for one in places}) == 3


def test_an_exact_rule_has_no_text() -> None:
    found = asked(chat(), rule=EXACT)
    assert (found.semantic, found.at(MID).text, found.at(MID).mode) == ("off", "", Mode.OFF)


def test_a_rule_for_other_words_alone_does_not_cache_what_has_none() -> None:
    rule = CacheRule(semantic=Mode.STRICT)
    assert read(chat(""), rule=rule) == Uncached("empty")
    assert isinstance(read(chat(), rule=rule), Asked)


def test_the_system_prompt_is_found_by_its_text_on_each_surface() -> None:
    digest = KEYS.prompt("Be brief.")
    part = [{"type": "text", "text": "Be brief."}]
    user = [{"role": "user", "content": "Hi"}]
    bodies = [
        (chat(QUESTION, SYSTEM), Surface.CHAT),
        (chat(QUESTION, {"role": "developer", "content": part}), Surface.CHAT),
        ({"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": user}, Surface.MESSAGES),
        ({"model": "m", "max_tokens": 9, "system": part, "messages": user}, Surface.MESSAGES),
        ({"model": "m", "instructions": "Be brief.", "input": "Hi"}, Surface.RESPONSES),
        ({"model": "m", "input": [SYSTEM, *user]}, Surface.RESPONSES),
    ]
    assert {place(body, surface=surface).prompt for body, surface in bodies} == {digest}
    assert place().prompt == KEYS.prompt() != digest
    assert KEYS.prompt("a", "b") != KEYS.prompt("ab")


SURFACES = [
    ({"model": "m", "prompt": "x"}, Surface.COMPLETION),
    ({"model": "m", "input": "x"}, Surface.EMBEDDING),
    ({"model": "m", "query": "x", "documents": ["a"]}, Surface.RERANK),
    ({"model": "m", "input": "x"}, Surface.RESPONSES),
    ({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}, Surface.MESSAGES),
    (chat("x"), Surface.CHAT),
]


def test_each_surface_has_entries_of_its_own() -> None:
    assert len({place(body, surface=surface).id for body, surface in SURFACES}) == len(SURFACES)


def test_the_same_body_on_another_surface_is_another_request() -> None:
    body = chat(max_tokens=9)
    assert place(body).id != place(body, surface=Surface.MESSAGES).id
    assert place(body).partition != place(body, surface=Surface.MESSAGES).partition


def test_on_a_surface_that_does_not_stream_the_field_is_one_as_any() -> None:
    body = {"model": "m", "input": "x"}
    assert place(body, surface=Surface.EMBEDDING) != place({**body, "stream": True}, surface=Surface.EMBEDDING)


# What an upstream could read in one way, and we in another.
MESSAGE = b'{"role":"user","content":"How do I cancel?"}'
WRITTEN = [
    b'{"model":"m","messages":[%s]}' % message
    for message in (
        MESSAGE,
        b'{"content":"How do I cancel?","role":"user"}',
        b'{"role":"user","content":"How do I c\\u0061ncel?"}',
        b'{"role":"user","content":"How do I cancel?","content":"How do I cancel?"}',
        b'{"role":"user","content":"Another question","content":"How do I cancel?"}',
        b'{"role":"user","content":"How do I cancel?","content":"Another question"}',
        b'{"role":"user","role":"user","content":"How do I cancel?"}',
        b'{"role":"system","role":"user","content":"How do I cancel?"}',
        b'{"role":"user","content":"How do I cancel?","":1}',
        b'{"role":"user","content":"How do I cancel?","name":null}',
        b'{"role":"user","content":"How do I cancel?\\u0000"}',
        b'{"role":"user","content":"How do I cancel?\\n"}',
        b'{"role":"user","content":[{"type":"text","text":"How do I cancel?","text":"x"}]}',
        b'{"role":"user","content":[{"type":"text","text":"How do I"},{"type":"text","text":" cancel?"}]}',
        MESSAGE + b"," + MESSAGE,
    )
] + [
    b'{"model":"m","messages":[%s],"x":%s}' % (MESSAGE, value)
    for value in (
        b"1",
        b"1.0",
        b"1e0",
        b"10",
        b'"1"',
        b"true",
        b"[1]",
        b"[[1]]",
        b'{"a":1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"b":2}',
        b'{"b":2,"a":1}',
        b"123456789012345678901234567890",
        b"123456789012345678901234567891",
        b"1e400",
        b'"A"',
        b'"\\u0041"',
        b'" A"',
        b'"e\\u0301"',
        b'"\\u00e9"',
        b"[" * 200 + b"]" * 200,
    )
]


def test_what_is_written_in_another_way_is_another_request() -> None:
    assert len({asked(body, rule=EXACT).at(MID).id for body in WRITTEN}) == len(WRITTEN)


def test_what_is_written_in_another_way_shares_no_partition_but_in_its_last_words() -> None:
    found = [asked(body) for body in WRITTEN]
    shared: dict[bytes, set[str]] = {}
    for one in found:
        shared.setdefault(one.at(MID).partition, set()).add(one.text)
    together = {"How do I cancel?", "How do I cancel?\n"}
    assert max(map(len, shared.values())) == 2
    assert together in shared.values()
    assert all(one.text for one in found[:3])
    assert [one.semantic for one in found[3:8]] == ["unreadable"] * 5


def test_white_space_outside_of_texts_is_nothing() -> None:
    body = chat(QUESTION, SYSTEM, temperature=0)
    loose = json.dumps(body, indent=3).encode()
    assert place(loose) == place(json.dumps(body, separators=(",", ":")).encode())


@pytest.mark.parametrize("value", [b'"\\ud800"', b"nope", b"", b"[" * 5_000 + b"]" * 5_000, b'"\\'])
def test_what_cannot_be_read_is_not_cached(value: bytes) -> None:
    fields = {**decoded(chat()).fields, "x": msgspec.Raw(value)}
    inference = msgspec.structs.replace(decoded(chat()), fields=fields)
    assert KEYS.read(inference, ANN, RULE, Assessment()) == Uncached("unreadable")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RAW = JSON.map(json.dumps).map(str.encode) | st.binary(max_size=12)
NAMES = st.sampled_from(["messages", "input", "tools", "system", "temperature", "store", "n", "model", "a", "b"])


@given(st.dictionaries(NAMES, RAW, max_size=5), st.sampled_from(list(Surface)), st.booleans())
def test_it_is_total(fields: dict[str, bytes], surface: Surface, semantic: bool) -> None:
    raw = {name: msgspec.Raw(value) for name, value in fields.items()}
    inference = Inference(
        surface=surface, model="m", stream=False, wants_usage=False, input_chars=0, deterministic=False, fields=raw
    )
    found = KEYS.read(inference, ANN, RULE if semantic else EXACT, Assessment())
    assert isinstance(found, Uncached) or len(found.at(MID).id) == 16


FIELDS = st.dictionaries(st.text(max_size=3).map("x{}".format), JSON, max_size=4)


@given(FIELDS, FIELDS)
def test_two_requests_have_one_id_only_where_their_fields_are_written_alike(one: Any, other: Any) -> None:
    here, there = (asked({**fields, **chat("x")}, rule=EXACT).at(MID).id for fields in (one, other))
    written = [json.dumps(sorted(fields.items())) for fields in (one, other)]
    assert (here == there) is (written[0] == written[1])


TEXTS = st.lists(st.text(alphabet="ab\0\1:", max_size=4), min_size=4, max_size=4)


@given(TEXTS, TEXTS)
def test_bytes_cannot_move_from_one_part_to_the_next(one: list[str], other: list[str]) -> None:
    def id_of(parts: list[str]) -> bytes:
        rule = msgspec.structs.replace(EXACT, name=parts[0], corpus=parts[1])
        return asked(chat(), rule=rule, corpus=parts[2], end_user=parts[3]).at(MID).id

    def at(parts: list[str]) -> bytes:
        named = dict(zip(("name", "upstream", "model", "revision"), parts, strict=True))
        return asked(chat()).at(target(**named)).id

    assert (id_of(one) == id_of(other)) is (one == other)
    assert (at(one) == at(other)) is (one == other)


def test_a_secret_is_not_told_and_not_short() -> None:
    assert SECRET.decode() not in repr(asked(chat()))
    with pytest.raises(ValueError):
        Keys(b"short")
