"""Originals come back, wherever an answer is cut and however a model wrote their placeholders."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homeport.privacy.placeholders import LONGEST, Grammar, name_of, place_of, written
from homeport.privacy.restore import Originals

NAMES = ["EMAIL", "EMAIL_ADDRESS", "IP_ADDRESS", "PHONE", "US_SSN"]
TEXTS = {
    place_of("EMAIL", 1): "ada@example.org",
    place_of("EMAIL", 2): "[EMAIL_1]",
    place_of("EMAIL", 12): "bob@example.org",
    place_of("EMAIL_ADDRESS", 1): "eve@example.org",
    place_of("IP_ADDRESS", 1): "10.1.2.3",
    place_of("PHONE", 1): '+44 (7700)\n"9" \\ é',
    place_of("US_SSN", 3): "",
}
ORIGINALS = Originals(NAMES, TEXTS)
# What a text of placeholders is likely to be made of.
CRUMBS = st.lists(
    st.one_of(
        st.sampled_from("[]\\_ -123aé\n"),
        st.sampled_from(
            ["EMAIL", "email", "ADDRESS", "IP", "PHONE", "US", "SSN", "EMAIL_1", "[EMAIL_1]", "[EMAIL_12]"]
        ),
        st.sampled_from(["\\[IP\\_ADDRESS\\_1\\]", "[phone 1]", "[US_SSN_3]", "[EMAIL_9]"]),
    ),
    max_size=12,
).map("".join)


def whole(text: str) -> str:
    return ORIGINALS.restored(text)


def in_pieces(pieces: list[str], *, as_json: bool = False) -> str:
    restorer = ORIGINALS.restorer(json=as_json)
    return "".join([*map(restorer.feed, pieces), restorer.flush()])


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("[EMAIL_1]", "ada@example.org"),
        ("Write to [EMAIL_1], or [EMAIL_12].", "Write to ada@example.org, or bob@example.org."),
        ("[email_1] [Email 1] [EMAIL-1] [EMAIL1] [ EMAIL_1 ]", " ".join(["ada@example.org"] * 5)),
        ("\\[EMAIL\\_1\\]", "ada@example.org"),
        ("**[EMAIL_1]** `[EMAIL_1]` <EMAIL_1>", "**ada@example.org** `ada@example.org` <ada@example.org>"),
        ("EMAIL_1 and EMAIL\\_1.", "ada@example.org and ada@example.org."),
        ("[EMAIL_1 and EMAIL_1]", "[ada@example.org and ada@example.org]"),
        ("[EMAIL_ADDRESS_1] [ip address 1]", "eve@example.org 10.1.2.3"),
        ("[EMAIL_2]", "[EMAIL_1]"),  # What is put back is not read again.
    ],
)
def test_what_stands_for_something_is_put_back(told: str, meant: str) -> None:
    assert whole(told) == meant


@pytest.mark.parametrize(
    "text",
    [
        "[EMAIL_9] is unknown",
        "email_1 = 1; email 1; Email 1; XEMAIL_1; EMAIL_1X; EMAIL_10; EMAIL_1_2",
        "[EMAIL] [EMAIL_] [1] [_1] [EMAIL_1234567] []",
        "[see EMAIL]",
        "",
    ],
)
def test_everything_else_is_left_as_it_is(text: str) -> None:
    assert whole(text) == text


@given(CRUMBS, st.data())
@settings(max_examples=600)
def test_where_it_is_cut_does_not_matter(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert in_pieces(pieces) == whole(text)
    assert in_pieces(list(text)) == whole(text)


@given(CRUMBS)
@example("EMAIL_1" * 3)
def test_no_more_is_held_than_one_placeholder(text: str) -> None:
    restorer, told = Originals(NAMES, {}).restorer(), ""
    for count, char in enumerate(text, 1):
        told += restorer.feed(char)
        assert text.startswith(told)
        assert count - len(told) <= LONGEST
        assert restorer.holds == (len(told) < count)
    assert told + restorer.flush() == text


@pytest.mark.parametrize("text", ["x" * 300, "[x" * 300, "\\" * 300, "EMAIL" * 100, "[EMAIL " * 100, "[" * 300])
def test_long_texts_flow(text: str) -> None:
    assert len(text) - len(ORIGINALS.restorer().feed(text)) <= LONGEST


@given(st.lists(st.sampled_from(["[EMAIL_1]", "EMAIL_1", "[PHONE_1]", "[US_SSN_3]", "é", '"', "\\", "\n"])))
def test_json_stays_json(parts: list[str]) -> None:
    """As the arguments of a tool: what the strings say is what the text would say."""
    said = "".join(parts)
    arguments = json.dumps({"to": said}, ensure_ascii=False)
    assert json.loads(in_pieces(list(arguments), as_json=True))["to"] == whole(said)


@pytest.mark.parametrize(
    ("recognizer", "name"),
    [
        ("email", "EMAIL"),
        ("us_ssn", "US_SSN"),
        ("sha_256", "SHA"),
        ("7", "PRIVATE"),
        ("é-mail", "MAIL"),
        ("", "PRIVATE"),
    ],
)
def test_names_have_no_digits(recognizer: str, name: str) -> None:
    assert name_of(recognizer) == name
    assert whole(written("EMAIL", 1)) == "ada@example.org"


@given(st.lists(st.text(max_size=60), max_size=4), CRUMBS)
def test_whatever_recognizers_are_called_there_is_a_grammar(names: list[str], text: str) -> None:
    grammar = Grammar(map(name_of, names))
    assert Originals(map(name_of, names), {}).restored(text) == text
    for name in map(name_of, names):
        assert [place for *_, place in grammar.find(written(name, 7))] == [place_of(name, 7)]
        assert Originals([name], {place_of(name, 7): "x"}).restored(f"a {written(name, 7)} b") == "a x b"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("after", ["", "\\", "]", "\\]", "\\share"])
def test_a_backslash_of_the_text_itself_stays(after: str, as_json: bool) -> None:
    before = "\\\\" if as_json else "\\"
    told = f"{before}[IP_ADDRESS_1]{after}"
    assert in_pieces(list(told), as_json=as_json) == f"{before}10.1.2.3{after}"
