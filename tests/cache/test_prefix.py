import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.cache.prefix import Prefix, PrefixTable, read_prefix
from homeport.core.types import Surface

IDLE = {"a": 0, "b": 0, "c": 0}
LONG = "All of this is said to everybody who comes. " * 200


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def prefix(*turns: dict[str, Any], scope: str = "m", **fields: Any) -> Prefix:
    found = read_prefix(Surface.CHAT, raw({"messages": turns, **fields}), scope)
    assert found is not None
    return found


def raw(fields: dict[str, Any]) -> dict[str, Raw]:
    return {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}


def conversation(number: int, turns: int, system: str = "Be brief.") -> list[dict[str, Any]]:
    told = [said("system", system), said("user", f"This is conversation {number}.")]
    for turn in range(turns - 1):
        told += [said("assistant", f"{number} answers {turn}"), said("user", f"and then {turn}?")]
    return told


def asked(table: PrefixTable, number: int, turns: int, name: str, cached: float | None = None) -> None:
    """A whole turn of a conversation at a replica of two slots."""
    said = prefix(*conversation(number, turns))
    table.began(said, name, 2)
    table.served(said, name)
    table.ended(said, name, cached)


def test_a_conversation_goes_on_where_it_was() -> None:
    table = PrefixTable()
    for number in range(40):
        home = table.ranked(prefix(*conversation(number, 1)), IDLE)[0]
        elsewhere = {"a": "b", "b": "c", "c": "a"}[home]
        table.served(prefix(*conversation(number, 1)), elsewhere)
        assert table.ranked(prefix(*conversation(number, 2)), IDLE)[0] == elsewhere


def test_it_stays_when_its_replica_has_read_more_than_the_others() -> None:
    table = PrefixTable()
    for number in range(40):
        table.served(prefix(*conversation(number, 1, LONG)), "a")
    table.served(prefix(*conversation(99, 1, LONG)), "b")
    assert table.ranked(prefix(*conversation(7, 2, LONG)), IDLE)[0] == "a"
    assert table.ranked(prefix(*conversation(99, 2, LONG)), IDLE)[0] == "b"


def test_a_conversation_leaves_a_replica_that_has_far_more_to_do() -> None:
    table = PrefixTable()
    table.served(prefix(*conversation(1, 1)), "a")
    following = prefix(*conversation(1, 2))
    assert table.ranked(following, {**IDLE, "a": 500})[0] == "a"
    assert table.ranked(following, {**IDLE, "a": 50_000})[-1] == "a"


def test_the_more_is_known_the_longer_it_is_waited_for() -> None:
    table, loads = PrefixTable(), {**IDLE, "a": 3_000}
    for number, system in ((1, "Be brief."), (2, LONG)):
        table.served(prefix(*conversation(number, 1, system)), "a")
    assert table.ranked(prefix(*conversation(1, 2)), loads)[0] != "a"
    assert table.ranked(prefix(*conversation(2, 2, LONG)), loads)[0] == "a"


def test_a_long_system_prompt_does_not_put_all_on_one_replica() -> None:
    table, firsts = PrefixTable(), Counter[str]()
    for number in range(300):
        begun = prefix(*conversation(number, 1, LONG))
        chosen = table.ranked(begun, IDLE)[0]
        table.served(begun, chosen)
        firsts[chosen] += 1
    assert min(firsts.values()) > 50
    assert len(firsts) == 3


def test_examples_in_the_prompt_are_no_conversation() -> None:
    table, firsts = PrefixTable(), Counter[str]()
    examples = [said("system", LONG), said("user", "2 + 2"), said("assistant", "4")]
    for number in range(300):
        begun = prefix(*examples, said("user", f"{number} + {number}"))
        chosen = table.ranked(begun, IDLE)[0]
        table.served(begun, chosen)
        firsts[chosen] += 1
    assert max(firsts.values()) < 160
    assert len(firsts) == 3


def test_questions_about_one_document_meet() -> None:
    """The document is in the question itself, before it, so that the messages differ."""
    table = PrefixTable()
    homes = []
    for number, document in enumerate(f"{name} {LONG}" for name in ("first", "second", "third")):
        asked = prefix(said("user", f"{document}\nWho wrote it?"))
        homes.append("abc"[number])
        table.served(asked, homes[-1])
    again = [prefix(said("user", f"{name} {LONG}\nWhen was it?")) for name in ("first", "second", "third")]
    assert [table.ranked(asked, IDLE)[0] for asked in again] == homes


def test_processes_agree_about_what_none_knows() -> None:
    one, two = PrefixTable(), PrefixTable()
    for number in range(50):
        begun, later = prefix(*conversation(number, 1, LONG)), prefix(*conversation(number, 5, LONG))
        assert one.ranked(begun, IDLE) == two.ranked(later, IDLE)
    homes = Counter(one.ranked(prefix(*conversation(number, 1, LONG)), IDLE)[0] for number in range(300))
    assert min(homes.values()) > 60


def test_a_replica_that_goes_moves_only_its_own_conversations() -> None:
    begun = [prefix(*conversation(number, 1)) for number in range(100)]
    before = [PrefixTable().ranked(one, IDLE) for one in begun]
    after = [PrefixTable().ranked(one, {"a": 0, "b": 0}) for one in begun]
    assert [[name for name in order if name != "c"] for order in before] == after


def test_scopes_tools_and_instructions_are_part_of_the_beginning() -> None:
    turns = conversation(1, 2)
    links = {prefix(*turns).links}
    links.add(prefix(*turns, scope="n").links)
    links.add(prefix(*turns, tools=[{"type": "function"}]).links)
    links.add(prefix(*turns, system="You are a clerk.").links)
    assert len(links) == 4


def test_a_replica_that_comes_late_is_not_given_all_that_begins() -> None:
    table = PrefixTable()
    for number in range(400):
        table.served(prefix(*conversation(number, 1, LONG)), "ab"[number % 2])
    table.served(prefix(*conversation(1_000, 1, LONG)), "c")
    firsts = Counter[str]()
    for number in range(2_000, 2_300):
        begun = prefix(*conversation(number, 1, LONG))
        chosen = table.ranked(begun, IDLE)[0]
        table.served(begun, chosen)
        firsts[chosen] += 1
    assert max(firsts.values()) < 200


def test_conversations_that_begin_are_shared_out_evenly() -> None:
    table = PrefixTable()
    for number in range(90):
        asked(table, number, 1, table.ranked(prefix(*conversation(number, 1)), IDLE)[0])
    homes = Counter(table.ranked(prefix(*conversation(number, 2)), IDLE)[0] for number in range(90))
    assert max(homes.values()) - min(homes.values()) <= 2


def test_a_crowd_that_begins_at_once_is_shared_out_too() -> None:
    """None of them has an answer yet."""
    table, homes = PrefixTable(), Counter[str]()
    for number in range(12):
        begun = prefix(*conversation(number, 1))
        first = table.ranked(begun, IDLE)[0]
        table.began(begun, first)
        homes[first] += 1
    assert set(homes.values()) == {4}


def test_a_conversation_begins_where_the_one_that_goes_for_it_was_idle_for_longest() -> None:
    table, two = PrefixTable(), {"a": 0, "b": 0}
    for number, name in ((1, "a"), (2, "b"), (3, "a"), (4, "b")):
        asked(table, number, 1, name)
    begun = [prefix(*conversation(number, 1)) for number in range(20, 40)]
    assert {table.ranked(one, two)[0] for one in begun} == {"a"}
    asked(table, 1, 2, "a")
    assert {table.ranked(one, two)[0] for one in begun} == {"b"}
    table.began(prefix(*conversation(2, 2)), "b", 2)
    assert {table.ranked(one, two)[0] for one in begun} == {"a"}


def test_a_conversation_begins_where_there_is_room() -> None:
    table, two = PrefixTable(), {"a": 0, "b": 0}
    for number, name in ((1, "b"), (2, "a"), (3, "a")):
        asked(table, number, 1, name)
    assert {table.ranked(prefix(*conversation(number, 1)), two)[0] for number in range(20, 40)} == {"b"}


def test_a_forgotten_conversation_takes_the_place_of_the_last_that_was_at_work() -> None:
    table, two = PrefixTable(), {"a": 0, "b": 0}
    for number, name in ((1, "a"), (2, "b"), (3, "b"), (4, "a"), (5, "a")):
        asked(table, number, 1, name)
    assert table.ranked(prefix(*conversation(1, 2)), two)[0] == "a"  # nothing says yet that a forgets
    asked(table, 1, 2, "a", cached=0.0)
    assert table.ranked(prefix(*conversation(4, 2)), two)[0] == "a"  # now they hold two each: 5 and 1, 2 and 3
    for number in (2, 3):
        asked(table, number, 2, "b", cached=0.9)
    assert table.ranked(prefix(*conversation(4, 2)), two)[0] == "b"
    for number in (5, 1):
        asked(table, number, 3, "a", cached=0.9)
    assert table.ranked(prefix(*conversation(4, 2)), two)[0] == "a"
    assert table.ranked(prefix(*conversation(3, 3)), two)[0] == "b"


def test_what_a_first_turn_finds_says_nothing_of_what_is_kept() -> None:
    table, two = PrefixTable(), {"a": 0, "b": 0}
    for number in range(9):
        asked(table, number, 1, "a", cached=0.0)
    assert table.ranked(prefix(*conversation(0, 2)), two)[0] == "a"


def test_a_process_that_sees_half_of_the_turns_does_as_the_others() -> None:
    """Until it has seen whole conversations for a while."""
    table, begun = PrefixTable(), [prefix(*conversation(number, 1)) for number in range(1_000, 1_030)]
    for number in range(20):
        table.served(prefix(*conversation(number, 2)), "a")
    assert [table.ranked(one, IDLE) for one in begun] == [PrefixTable().ranked(one, IDLE) for one in begun]
    for turn in range(3, 20):
        for number in range(20):
            asked(table, number, turn, "a")
    assert all(table.ranked(one, IDLE)[0] != "a" for one in begun)


def test_it_forgets_what_was_not_used_for_longest() -> None:
    table = PrefixTable(most=100)
    kept = prefix(*conversation(0, 3))
    home = table.ranked(kept, IDLE)[-1]
    for number in range(1, 500):
        table.served(kept, home)
        table.served(prefix(*conversation(number, 1)), "abc"[number % 3])
        assert len(table) <= 200
    assert table.ranked(kept, IDLE)[0] == home
    gone = prefix(*conversation(1, 2))
    assert table.ranked(gone, IDLE) == PrefixTable().ranked(gone, IDLE)


def test_the_length_of_a_prompt_is_bounded() -> None:
    endless = prefix(*(said("user", str(number)) for number in range(5_000)))
    huge = prefix(said("user", "x" * 5_000_000))
    assert len(endless.links) == len(huge.links) == 512
    assert len(endless.sizes) == len(endless.answered) == 512


@pytest.mark.parametrize(
    ("surface", "fields"),
    [
        (Surface.EMBEDDING, {"input": "text"}),
        (Surface.RERANK, {"query": "text"}),
        (Surface.CHAT, {}),
        (Surface.CHAT, {"messages": []}),
    ],
)
def test_what_has_no_beginning(surface: Surface, fields: dict[str, Any]) -> None:
    assert read_prefix(surface, raw(fields), "m") is None


@pytest.mark.parametrize(
    ("surface", "first", "second"),
    [
        (Surface.COMPLETION, {"prompt": "Once " * 2_000}, {"prompt": "Once " * 2_000 + "upon"}),
        (Surface.RESPONSES, {"input": [said("user", "x")]}, {"input": [said("user", "x"), {"type": "reasoning"}]}),
        (Surface.MESSAGES, {"messages": conversation(1, 1)[1:]}, {"messages": conversation(1, 2)[1:]}),
    ],
)
def test_every_surface_with_prompts(surface: Surface, first: dict[str, Any], second: dict[str, Any]) -> None:
    one, two = read_prefix(surface, raw(first), "m"), read_prefix(surface, raw(second), "m")
    assert one is not None
    assert two is not None
    assert one.opening == two.opening
    for name in "abc":
        table = PrefixTable()
        table.served(one, name)
        assert table.ranked(two, IDLE)[0] == name


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(Surface), st.dictionaries(st.sampled_from(["messages", "input", "prompt", "tools"]), _JSON))
def test_it_is_total(surface: Surface, fields: dict[str, Any]) -> None:
    found = read_prefix(surface, raw(fields), "m")
    if found is not None:
        table = PrefixTable()
        table.served(found, "b")
        assert sorted(table.ranked(found, IDLE)) == ["a", "b", "c"]


@pytest.mark.parametrize("said", [b"[", b"[1,", b'"', b"\xff[", b"[" * 5_000, b"", b"[\xff]"])
def test_broken_json_is_no_harm(said: bytes) -> None:
    read_prefix(Surface.CHAT, {"messages": Raw(said)}, "m")


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.sampled_from("abc")), max_size=30),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 10_000), min_size=1),
)
def test_everybody_is_ranked_once(history: list[tuple[int, int, str]], loads: dict[str, int]) -> None:
    table = PrefixTable(most=20)
    for number, turns, name in history:
        table.served(prefix(*conversation(number, turns)), name)
    for number in range(3):
        assert sorted(table.ranked(prefix(*conversation(number, 2)), loads)) == sorted(loads)
