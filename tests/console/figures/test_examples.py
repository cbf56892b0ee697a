"""Requests that show what an incident tells of: the beginning of what was kept, as one line of text."""

import msgspec

from homeport.console.figures.examples import MOST, Example, examples, unread
from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from tests.traces.kept import HOSTILE, chat, kept


def test_what_was_asked_last_and_what_was_answered() -> None:
    bodies = {"r0": chat("r0", prompt="Where\n is  it?", answer="Paris " * 100)}
    first, second = examples(["r0", "gone"], bodies.get)
    assert (first.asked, first.answered[:12], len(first.answered)) == ("Where is it?", "Paris Paris ", 281)
    assert second == Example(request_id="gone")


def test_nothing_in_it_moves_the_page() -> None:
    [one] = examples(["r0"], {"r0": chat("r0", prompt=HOSTILE, answer=HOSTILE)}.get)
    assert "<script>alert" in one.asked, "the template escapes it"
    for text in (one.asked, one.answered):
        assert not {"\x1b", "\u202e", "\u200b", "\n", "\x07"} & set(text)


def test_what_is_long_many_or_unreadable_does_not_hold_up_the_page() -> None:
    def get(request_id: str) -> Captured | None:
        if request_id == "broken":
            raise StorageError("it cannot be read")
        return kept(request_id, b" " * 300_000 if request_id == "long" else b"\xff{", b"[[[")

    names = ["broken", "long", *(f"r{place}" for place in range(MOST))]
    found = examples(names, get)
    assert found == tuple(Example(request_id=name) for name in names[:MOST])
    assert unread(names) == found


def test_what_has_no_words_of_a_user_says_what_was_answered() -> None:
    body = {"messages": [{"role": "system", "content": "be brief"}]}
    answer = {"choices": [{"message": {"content": "yes"}}]}
    [one] = examples(["r0"], lambda _: kept("r0", body, answer))
    assert msgspec.structs.astuple(one) == ("r0", "", "yes")
