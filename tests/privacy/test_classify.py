"""What is in a request makes it stricter, never less strict; and whatever fails keeps it at home."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.core.privacy import Action, Assessment
from homeport.core.types import DataClass
from homeport.privacy.classes import Rules
from homeport.privacy.classify import Classifier, DetectorFailed, failed
from homeport.privacy.recognize import Recognizers, load_recognizers
from homeport.privacy.recognizers.base import RecognizerModule, Span
from homeport.privacy.texts import Text

CARD, MAIL = "4111 1111 1111 1111", "a@example.org"
REAL = load_recognizers(["payment_card", "email", "us_ssn", "secret"])


def words(**kinds: str) -> Recognizers:
    """Recognizers that each find one word."""

    def finding(word: str) -> RecognizerModule:
        def find(text: str) -> Iterator[Span]:
            start = text.find(word)
            while start >= 0:
                yield Span(start, start + len(word), 0.6)
                start = text.find(word, start + len(word))

        return cast(RecognizerModule, SimpleNamespace(find=find))

    return Recognizers({name: finding(word) for name, word in kinds.items()})


def assess(
    body: Mapping[str, Any], *rules: Rules, said: Assessment | None = None, recognizers: Recognizers = REAL
) -> Assessment:
    fields = {name: Raw(json.dumps(value).encode()) for name, value in body.items()}
    classifier = Classifier(recognizers, lambda: 0, 1.0)
    return asyncio.run(classifier.assess(said or Assessment(), rules, fields))


def rules(min_score: float = 0.5, attachments: Action = Action.ALLOW, **find: Action) -> Rules:
    return Rules(find=find, min_score=min_score, attachments=attachments)


def test_what_is_found_says_what_is_done() -> None:
    found = assess(
        {"messages": [{"content": f"{CARD} {MAIL}"}]},
        rules(payment_card=Action.LOCAL_ONLY, email=Action.REDACT_AND_RESTORE),
    )
    assert found == Assessment(
        action=Action.LOCAL_ONLY,
        data_class=DataClass.PRIVATE,
        found=("email", "payment_card"),
        reason="content:payment_card",
    )
    assert CARD not in repr(found)


def test_it_is_found_wherever_it_stands() -> None:
    arguments = json.dumps({"to": CARD})
    places: list[dict[str, Any]] = [
        {"system": CARD},
        {"messages": [{"role": "tool", "content": [{"type": "text", "text": CARD}]}]},
        {"messages": [{"tool_calls": [{"function": {"arguments": arguments}}]}]},
        {"tools": [{"function": {"parameters": {"properties": {CARD: {}}}}}]},
        {"metadata": {"x": 4111111111111111}},
        {"input": [CARD]},
        {"prompt": CARD},
        {"never_heard_of": {"x": [[CARD]]}},
        {CARD: 1},
    ]
    for body in places:
        assert assess(body, rules(payment_card=Action.BLOCK)).action is Action.BLOCK, body


def test_nothing_is_looked_for_that_no_rule_is_about() -> None:
    body = {"messages": [{"content": CARD}]}
    assert assess(body) == assess(body, rules()) == assess(body, rules(email=Action.BLOCK)) == Assessment()


def test_a_finding_below_the_score_does_not_count() -> None:
    body = {"messages": [{"content": CARD}]}
    assert assess(body, rules(min_score=0.96, payment_card=Action.BLOCK)).action is Action.ALLOW
    both = (rules(min_score=0.96, payment_card=Action.BLOCK), rules(payment_card=Action.LOCAL_ONLY))
    assert assess(body, *both).action is Action.LOCAL_ONLY


def test_the_name_of_a_field_says_what_its_value_is() -> None:
    found = assess({"metadata": {"ssn": "078051120"}}, rules(us_ssn=Action.LOCAL_ONLY))
    assert found.found == ("us_ssn",)
    find = Classifier(REAL, lambda: 0, 1.0).finder([rules(us_ssn=Action.LOCAL_ONLY, secret=Action.LOCAL_ONLY)])
    [one] = find(Text(("metadata", "ssn"), "078051120", "ssn"))
    assert (one.start, one.end) == (0, 9)
    [one] = find(Text(("metadata", "password"), "hunter2", "password"))
    assert (one.start, one.end) == (0, 7)
    assert find(Text(("metadata", "ssn"), "none", "ssn")) == []


def test_a_finding_in_a_long_text_has_its_place() -> None:
    text = ("x" * 99 + " ") * 3_000 + CARD + " y" * 50_000
    find = Classifier(REAL, lambda: 0, 1.0).finder([rules(payment_card=Action.BLOCK)])
    assert {(one.start, one.end) for one in find(Text((), text))} == {(300_000, 300_019)}
    for start in range(65_500, 65_560):
        padded = " " * start + CARD
        assert {(one.start, one.end) for one in find(Text((), padded))} >= {(start, start + 19)}


@pytest.mark.parametrize(
    "part", [{"type": "image_url", "image_url": {"url": "https://example.org/x"}}, {"file_id": "x"}]
)
def test_what_cannot_be_read_stays_where_it_must(part: dict[str, Any]) -> None:
    body = {"messages": [{"content": [part]}]}
    found = assess(body, rules(attachments=Action.LOCAL_ONLY))
    assert (found.action, found.reason, found.found) == (Action.LOCAL_ONLY, "content:attachment", ("attachment",))
    assert assess(body, rules(email=Action.BLOCK)).action is Action.ALLOW
    assert assess({"messages": []}, rules(attachments=Action.LOCAL_ONLY)).action is Action.ALLOW


@given(
    st.sampled_from(Action),
    st.lists(
        st.dictionaries(st.sampled_from(["one", "two", "three"]), st.sampled_from(Action), max_size=3), max_size=3
    ),
    st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=4),
)
def test_the_strictest_of_all_that_is_found_wins(
    said: Action, find: list[dict[str, Action]], words_in: list[str]
) -> None:
    recognizers = words(one="one", two="two", three="three")
    body = {"messages": [{"content": word} for word in words_in]}
    result = assess(body, *(Rules(find=one) for one in find), said=Assessment(action=said), recognizers=recognizers)
    wanted = [action for one in find for name, action in one.items() if name in words_in]
    assert result.action.strictness == max(action.strictness for action in (said, *wanted))
    assert set(result.found) <= set(words_in)


@pytest.mark.parametrize("error", [RuntimeError, RecursionError, MemoryError, IndexError])
def test_a_recognizer_that_fails_is_told_without_what_it_read(error: type[Exception]) -> None:
    def fail() -> Span:
        raise error(CARD)

    def find(_: str) -> Iterator[Span]:
        yield fail()

    recognizers = Recognizers({"odd": cast(RecognizerModule, SimpleNamespace(find=find))})
    with pytest.raises(DetectorFailed) as caught:
        assess({"input": "x"}, rules(odd=Action.BLOCK), recognizers=recognizers)
    assert caught.value.why == f"the recognizer odd: {error.__name__}"


def test_one_that_takes_too_long_fails() -> None:
    now = iter(range(0, 10**12, 10**9))
    classifier = Classifier(REAL, lambda: next(now), 1.5)
    with pytest.raises(DetectorFailed, match="out of time"):
        asyncio.run(
            classifier.assess(Assessment(), [rules(email=Action.BLOCK)], {"input": Raw(b'["a b", "c d", "e"]')})
        )


@pytest.mark.parametrize("raw", [b'{"a": 1, "a": 2}', b"[" * 5_000, b"\xff", b"[" * 300 + b"]" * 300])
def test_a_body_that_cannot_be_read_fails(raw: bytes) -> None:
    classifier = Classifier(REAL, lambda: 0, 1.0)
    with pytest.raises(DetectorFailed):
        asyncio.run(classifier.assess(Assessment(), [rules(email=Action.BLOCK)], {"input": Raw(raw)}))


@given(st.sampled_from(Action))
def test_what_failed_stays_at_home_or_is_blocked(action: Action) -> None:
    result = failed(Assessment(action=action))
    assert result.action.strictness >= Action.LOCAL_ONLY.strictness
    assert result.action.strictness >= action.strictness
    assert action.strictness >= Action.LOCAL_ONLY.strictness or result.data_class is DataClass.PRIVATE
