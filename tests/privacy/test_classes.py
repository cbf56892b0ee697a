"""The strictest word counts, and a word that is not understood stops the request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from homeport.config.privacy import PrivacySettings
from homeport.core.errors import InvalidRequest
from homeport.core.privacy import Action, strictest
from homeport.core.types import DataClass, Key
from homeport.privacy.classes import HEADER, Classes

OPEN, PRIVATE = DataClass.OPEN, DataClass.PRIVATE
SETTINGS = PrivacySettings.model_validate(
    {
        "classes": {
            "hipaa": {"action": "local_only"},
            "gdpr": {"action": "redact_and_restore", "find": {"email": "redact_and_restore"}},
            "pci": {"action": "block"},
            "public": {"action": "allow"},
            "watched": {"action": "allow", "find": {"email": "local_only"}},
            "unread": {"action": "allow", "attachments": "local_only"},
        },
        "projects": {"acme": "gdpr", "acme/clinic": "hipaa", "other/x": "pci"},
    }
)
CLASSES = Classes(SETTINGS)
NAMES = st.sampled_from([*CLASSES.names, "gone"])


def key(data_class: str = OPEN, project: str = "default") -> Key:
    return Key(id="key_1", name="k", data_class=data_class, project=project)


@pytest.mark.parametrize(
    ("data_class", "header", "result"),
    [
        (OPEN, None, OPEN),
        (OPEN, "open", OPEN),
        (OPEN, "private", PRIVATE),
        (OPEN, " PRIVATE\t", PRIVATE),
        (PRIVATE, None, PRIVATE),
        (PRIVATE, "private", PRIVATE),
        (PRIVATE, "open", PRIVATE),
        ("hipaa", "open", PRIVATE),
        ("public", "Hipaa", PRIVATE),
        ("public", None, OPEN),
        ("gone", None, PRIVATE),
        ("gone", "public", PRIVATE),
    ],
)
def test_the_strictest_counts(data_class: str, header: str | None, result: DataClass) -> None:
    assert CLASSES.said(CLASSES.of(key(data_class), header)).data_class is result


@pytest.mark.parametrize(
    ("data_class", "header", "result"),
    [
        (OPEN, None, OPEN),
        (OPEN, "public", OPEN),
        (OPEN, "gdpr", PRIVATE),
        (OPEN, "watched", PRIVATE),
        (OPEN, "unread", PRIVATE),
        ("watched", None, OPEN),
        ("hipaa", "public", PRIVATE),
    ],
)
def test_what_is_sent_later_has_no_header_then(data_class: str, header: str | None, result: DataClass) -> None:
    assert CLASSES.floor(key(data_class), header) is result


@pytest.mark.parametrize("header", ["", " ", "secret", "privat", "private, open", "open;q=1", "private\x00", "\xa0é"])
@pytest.mark.parametrize("data_class", [OPEN, PRIVATE])
def test_a_word_that_is_not_understood(data_class: DataClass, header: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Classes().of(key(data_class), header)
    assert (caught.value.code, caught.value.param) == ("invalid_data_class", HEADER)
    assert caught.value.message == "the header x-homeport-data-class must be one of: open, private"


@pytest.mark.parametrize(
    ("project", "classes", "action"),
    [
        ("default", (), Action.ALLOW),
        ("acme", ("gdpr",), Action.REDACT_AND_RESTORE),
        ("acme/search/chat", ("gdpr",), Action.REDACT_AND_RESTORE),
        ("acme/clinic", ("gdpr", "hipaa"), Action.LOCAL_ONLY),
        ("acme/clinic/ward", ("gdpr", "hipaa"), Action.LOCAL_ONLY),
        ("acme/clinical", ("gdpr",), Action.REDACT_AND_RESTORE),
        ("acmes", (), Action.ALLOW),
        ("other", (), Action.ALLOW),
        ("other/x", ("pci",), Action.BLOCK),
    ],
)
def test_a_project_is_of_the_classes_of_those_above_it(project: str, classes: tuple[str, ...], action: Action) -> None:
    said = CLASSES.said(CLASSES.of(key(project=project), None))
    assert (said.classes, said.action) == (classes, action)


def test_the_reason_says_who_asked_for_it() -> None:
    assert CLASSES.said(CLASSES.of(key("gdpr", "acme/clinic"), "open")).reason == "project:hipaa"
    assert CLASSES.said(CLASSES.of(key("gdpr"), "pci")).reason == "header:pci"
    assert CLASSES.said(CLASSES.of(key("never_heard_of"), None)).reason == "key:private"
    assert CLASSES.said(CLASSES.of(key("public"), None)).reason == ""


@given(NAMES, st.sampled_from(["default", "acme", "acme/clinic", "other/x"]), st.none() | st.text(max_size=20) | NAMES)
def test_a_header_never_makes_it_less_strict(data_class: str, project: str, header: str | None) -> None:
    one = key(data_class, project)
    without = CLASSES.said(CLASSES.of(one, None))
    try:
        result = CLASSES.said(CLASSES.of(one, header))
    except InvalidRequest:
        return
    assert result.action.strictness >= without.action.strictness
    assert set(result.classes) >= set(without.classes)
    assert CLASSES.floor(one, header) is PRIVATE or result.action is Action.ALLOW


@given(st.lists(st.sampled_from(Action)))
def test_the_strictest_is_one_of_them_and_none_is_stricter(actions: list[Action]) -> None:
    found = strictest(actions)
    assert found in (actions or [Action.ALLOW])
    assert all(action.strictness <= found.strictness for action in actions)


@pytest.mark.parametrize(
    "settings",
    [
        {"classes": {"open": {}}},
        {"classes": {"private": {"action": "allow"}}},
        {"classes": {"Hipaa": {}}},
        {"classes": {"a" * 33: {}}},
        {"classes": {"hipaa": {"action": "ask"}}},
        {"find": {"../email": "block"}},
        {"find": {"email": "maybe"}},
        {"projects": {"a/b/c/d": "private"}},
        {"projects": {"/": "private"}},
        {"min_score": 0},
        {"min_score": float("nan")},
        {"attachments": "block"},
        {"timeout_seconds": 0},
    ],
)
def test_what_no_configuration_may_say(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PrivacySettings.model_validate(settings)
