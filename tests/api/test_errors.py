"""Every error of the tree has one status and OpenAI's shape."""

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.errors import reply, status_of
from homeport.core import errors
from homeport.core.errors import BudgetExceeded, HomeportError, NoAnswer, UpstreamRefused

STATUSES: dict[type[HomeportError], tuple[int, str]] = {
    errors.HomeportError: (500, "server_error"),
    errors.RateLimited: (429, "rate_limit_error"),
    errors.RequestTimeout: (408, "invalid_request_error"),
    errors.ConfigError: (422, "invalid_request_error"),
    errors.StorageError: (503, "server_error"),
    errors.JournalFull: (503, "server_error"),
    errors.PackageError: (500, "server_error"),
    errors.DigestMismatch: (500, "server_error"),
    errors.EngineError: (500, "server_error"),
    errors.RequestError: (400, "invalid_request_error"),
    errors.InvalidRequest: (400, "invalid_request_error"),
    errors.RequestTooLarge: (413, "invalid_request_error"),
    errors.NotAuthenticated: (401, "authentication_error"),
    errors.NotPermitted: (403, "permission_error"),
    errors.LoopStopped: (409, "invalid_request_error"),
    errors.NotFound: (404, "invalid_request_error"),
    errors.NotCached: (504, "invalid_request_error"),
    errors.WrongMethod: (405, "invalid_request_error"),
    errors.CapacityError: (503, "overloaded_error"),
    errors.EngineBusy: (503, "overloaded_error"),
    errors.PrivateTierUnavailable: (503, "server_error"),
    errors.UpstreamError: (502, "upstream_error"),
    errors.ConnectFailed: (502, "upstream_error"),
    errors.UpstreamTimeout: (504, "upstream_error"),
    errors.BadAnswer: (502, "upstream_error"),
    errors.StreamCut: (502, "upstream_error"),
    errors.InternalError: (500, "server_error"),
}


def body(error: HomeportError) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(reply(error, "req_1").body)["error"]
    return told


@pytest.mark.parametrize("kind", STATUSES)
def test_statuses(kind: type[HomeportError]) -> None:
    made = reply(kind("what happened"), "req_1")
    assert (made.status, status_of(kind("x"))[1]) == STATUSES[kind]
    assert body(kind("what happened")) == {
        "message": "what happened",
        "type": STATUSES[kind][1],
        "param": None,
        "code": kind.default_code,
        "hint": None,
        "request_id": "req_1",
    }


def test_every_error_has_a_status_here() -> None:
    tree = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, HomeportError)}
    assert tree == {*STATUSES, UpstreamRefused, NoAnswer, BudgetExceeded}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_no_answer_has_the_status_it_was_given(status: int) -> None:
    error = NoAnswer("nobody", attempts=("a: x", "b: y"), status=status)
    assert reply(error, "r").status == status
    assert (body(error)["attempts"], body(error)["type"]) == (["a: x", "b: y"], "upstream_error")


@pytest.mark.parametrize(
    ("status", "retryable", "told"),
    [(400, False, 400), (422, False, 422), (500, False, 400), (503, True, 502), (429, True, 502)],
)
def test_a_refusal_that_is_the_callers_fault_keeps_its_status(status: int, retryable: bool, told: int) -> None:
    assert reply(UpstreamRefused("no", status=status, retryable=retryable), "r").status == told


def test_headers() -> None:
    named = {"x-request-id": "r"}
    assert reply(errors.NotAuthenticated("x"), "r").headers == {"www-authenticate": "Bearer", **named}
    assert reply(errors.CapacityError("x", retry_after=7), "r").headers == {"retry-after": "7", **named}
    assert reply(errors.JournalFull("x"), "r").headers == {"retry-after": "1", **named}
    assert reply(errors.InvalidRequest("x"), "r").headers == named


def test_the_hint_is_in_the_message_too_because_clients_show_only_that() -> None:
    error = errors.NotAuthenticated("the key is unknown", hint="homeport keys list")
    assert body(error)["message"] == "the key is unknown; homeport keys list"
    assert body(error)["hint"] == "homeport keys list"


def test_the_field_at_fault() -> None:
    assert body(errors.InvalidRequest("x", param="messages[0].content"))["param"] == "messages[0].content"


@given(st.text(), st.text(), st.text())
def test_any_words_become_json(message: str, hint: str, param: str) -> None:
    told = body(errors.InvalidRequest(message, hint=hint, param=param))
    assert told["message"].startswith(message)
    assert told["param"] == (param or None)
