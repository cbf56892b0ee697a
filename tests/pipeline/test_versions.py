"""Conversations stay with the version of an own engine that they began on."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.openai import OpenAIDialect
from homeport.core.errors import CapacityError
from homeport.core.routing import Decision
from homeport.core.types import Inference, Key, Surface, Target
from homeport.pipeline.versions import Hearing, Turn, Versions
from tests.fakes.house import OWN
from tests.fakes.sessions import MemorySessions

KEY = Key(id="key_1", name="one")
OTHER_KEY = Key(id="key_2", name="two")
Said = Sequence[Mapping[str, Any]]


def target(revision: str, *, draining: bool = False, pool: str = "own", name: str = "") -> Target:
    upstream = name or f"{pool}-{revision}{'-old' if draining else ''}"
    return msgspec.structs.replace(OWN, upstream=upstream, pool=pool, revision=revision, draining=draining)


def user(text: str) -> Mapping[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> Mapping[str, Any]:
    return {"role": "assistant", "content": text}


def request(*said: Mapping[str, Any], surface: Surface = Surface.CHAT) -> Inference:
    fields = {"messages": said} if surface is Surface.CHAT else {"input": "a text"}
    return OpenAIDialect().decode(surface, json.dumps({"model": "m", **fields}).encode())


class House:
    """Versions that come and go over one table."""

    def __init__(self) -> None:
        self.table = MemorySessions()
        self.turned: list[str] = []
        self.now([target("a")])

    def now(self, targets: Sequence[Target], former: Sequence[str] = ()) -> None:
        self.targets = tuple(targets)
        self.versions = Versions(self.table, targets, {"own": former}, self.turned.append)

    def turn(self, said: Said, key: Key = KEY, surface: Surface = Surface.CHAT) -> Turn:
        turn = self.versions.of(request(*said, surface=surface), key)
        assert turn is not None
        return turn

    def ask(self, said: Said, says: str = "", key: Key = KEY) -> str:
        """Who answers a turn, by revision; what is said then is heard as the pipeline hears it."""
        turn = self.turn(said, key)
        chosen, _ = turn.choose(self.targets)
        turn.taken(Decision(candidates=chosen, reason="static"))
        heard = turn.listen(chosen[0], Surface.CHAT)
        if heard is not None:
            heard.hear(json.dumps({"choices": [{"message": assistant(says)}]}).encode())
        turn.answered_by(chosen[0], heard)
        [revision] = {one.revision for one in chosen}
        return revision


def test_what_began_before_goes_on_there_and_what_begins_begins_anew() -> None:
    house = House()
    assert house.ask([user("hi")]) == "a"
    house.now([target("b"), target("a", draining=True)])
    assert house.ask([user("hi")], "from b") == "b"
    assert house.ask([user("hi"), assistant("from a"), user("more")]) == "a"
    assert house.ask([user("hi"), assistant("from b"), user("more")]) == "b"
    assert house.ask([user("hi"), assistant("from a"), user("more"), assistant("x"), user("y")]) == "a"
    assert house.ask([user("other"), assistant("unknown"), user("more")]) == "b"
    assert house.turned == ["own-a-old"] * 2


def test_a_rollback_while_both_are_there() -> None:
    house = House()
    house.ask([user("hi")])
    house.now([target("b"), target("a", draining=True)])
    house.ask([user("hi")], "from b")
    house.now([target("a"), target("b", draining=True)])
    assert house.ask([user("hi"), assistant("from a"), user("more")]) == "a"
    assert house.ask([user("hi"), assistant("from b"), user("more")]) == "b"


def test_whoever_outlives_its_version_is_told_so_once() -> None:
    house = House()
    house.ask([user("hi")])
    house.now([target("b")], former=["a"])
    later = [user("hi"), assistant("from a"), user("more")]
    for reason in ("new_version:own", "static"):
        turn = house.turn(later)
        chosen, removed = turn.choose(house.targets)
        assert (chosen, removed) == (house.targets, ())
        assert turn.told(Decision(candidates=chosen, reason="static")).reason == reason
        turn.answered_by(chosen[0], None)
        later = [*later, assistant("from b"), user("more still")]


def test_another_keys_conversation_is_another_one() -> None:
    house = House()
    house.ask([user("hi")])
    house.now([target("b"), target("a", draining=True)])
    later = [user("hi"), assistant("from a"), user("more")]
    assert house.ask(later, key=OTHER_KEY) == "b"
    assert house.ask(later) == "a"


def test_a_restart_leaves_the_old_children_at_once() -> None:
    house = House()
    house.ask([user("hi")])
    house.now([target("a"), target("a", draining=True)])
    chosen, removed = house.turn([user("hi"), assistant("from a"), user("more")]).choose(house.targets)
    assert [one.upstream for one in chosen] == ["own-a"]
    assert [(one.target.upstream, one.why) for one in removed] == [("own-a-old", "draining")]


def test_one_that_is_taken_out_of_service_ends_what_it_began() -> None:
    house = House()
    house.ask([user("hi")])
    house.now([target("a", draining=True)])
    assert house.ask([user("hi"), assistant("from a"), user("more")]) == "a"
    with pytest.raises(CapacityError) as refused:
        house.turn([user("hi")]).choose(house.targets)
    assert refused.value.code == "engine_draining"
    elsewhere = msgspec.structs.replace(OWN, upstream="other", pool="other", revision="z")
    chosen, _ = house.turn([user("hi")]).choose([*house.targets, elsewhere])
    assert chosen == (elsewhere,)


def test_what_is_no_conversation_begins_every_time() -> None:
    house = House()
    house.now([target("b"), target("a", draining=True)])
    chosen, _ = house.turn([], surface=Surface.EMBEDDING).choose(house.targets)
    assert [one.revision for one in chosen] == ["b"]


def test_nothing_is_heard_and_nobody_looked_for_while_nothing_changes() -> None:
    house = House()
    turn = house.turn([user("hi")])
    assert turn.choose(house.targets) == (house.targets, ())
    assert turn.listen(house.targets[0], Surface.CHAT) is None
    assert Versions(house.table, [OWN]).of(request(user("hi")), KEY) is None


def test_an_answer_is_heard_as_a_client_says_it_again() -> None:
    calls = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":1}'}}]
    whole, stream = Hearing(stream=False), Hearing(stream=True)
    whole.hear(json.dumps({"choices": [{"message": {"content": "one two", "tool_calls": calls}}]}).encode())
    for delta in ({"content": "one "}, {"content": "two", "tool_calls": calls}):
        stream.hear(b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n")
    stream.hear(b"data: [DONE]\n\n")
    assert whole.message() == stream.message()
    assert whole.message()["content"] == "one two"
    Hearing(stream=True).hear(b"data: {{{\n\n")


class Person:
    """Somebody who holds one conversation; each version answers in words of its own."""

    def __init__(self, opener: str) -> None:
        self.said: list[Mapping[str, Any]] = [user(opener)]
        self.answered: list[str] = []

    def speak(self, house: House) -> None:
        revision = house.ask(self.said, f"as {house_words(house, self.said)}")
        self.answered.append(revision)
        self.said += [assistant(f"as {revision}"), user("more")]


def house_words(house: House, said: Said) -> str:
    """The revision that will answer, which is what it says."""
    chosen, _ = house.turn(said).choose(house.targets)
    return chosen[0].revision


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["speak", "swap", "new"])), max_size=60))
def test_no_conversation_is_mixed_while_its_version_is_there(steps: list[tuple[int, str]]) -> None:
    """People with few openers between them, and swaps to and fro between two versions that both stay."""
    house, serving, draining = House(), "a", ""
    people = [Person(f"opener {number % 2}") for number in range(6)]
    everybody = list(people)
    for number, step in steps:
        if step == "swap":
            serving, draining = ("b", "a") if serving == "a" else ("a", "b")
            house.now([target(serving), target(draining, draining=True)])
        elif step == "new":
            people[number] = Person(f"opener {number % 2}")
            everybody.append(people[number])
        else:
            people[number].speak(house)
    assert [person.answered for person in everybody if len({*person.answered}) > 1] == []
