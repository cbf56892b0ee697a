import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import UpstreamRefused
from homeport.providers.base import MAX_RETRY_AFTER_S, classify_status, read_retry_after
from homeport.transport.fallback import AiohttpTransport
from tests.providers.calls import setup


def body(message: Any, kind: Any = "server_error") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": 1, "param": None}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "upstream_rejected_request", False),
        (413, "upstream_rejected_request", False),
        (422, "upstream_rejected_request", False),
        (401, "upstream_auth_failed", True),
        (403, "upstream_auth_failed", True),
        (404, "upstream_model_missing", True),
        (402, "upstream_unpaid", True),
        (408, "upstream_failed", True),
        (409, "upstream_failed", True),
        (425, "upstream_failed", True),
        (429, "upstream_rate_limited", True),
        (405, "upstream_failed", False),
        (415, "upstream_failed", False),
        (500, "upstream_failed", True),
        (502, "upstream_failed", True),
        (503, "upstream_failed", True),
        (529, "upstream_failed", True),
    ],
)
def test_statuses(status: int, code: str, retryable: bool) -> None:
    refusal = classify_status(status, b"", retry_after=7 if status == 429 else 0)
    assert (refusal.status, refusal.code, refusal.retryable) == (status, code, retryable)
    assert refusal.retry_after == (7 if status == 429 else 0)
    assert refusal.hint


@pytest.mark.parametrize("reason", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_empty_account_is_no_rate_limit(reason: str) -> None:
    said = json.dumps({"error": {"message": "You exceeded your current quota", "code": reason}}).encode()
    refusal = classify_status(429, said)
    assert (refusal.code, refusal.retryable, refusal.status) == ("upstream_unpaid", True, 429)


def test_an_api_may_use_a_status_in_its_own_way() -> None:
    refusal = classify_status(412, b"", as_status=402)
    assert (refusal.code, refusal.retryable, refusal.status) == ("upstream_unpaid", True, 402)
    assert "412" in refusal.message


@pytest.mark.parametrize(
    "said",
    [
        body("no such field: foo", "invalid_request_error"),
        b'{"object":"error","message":"no such field: foo","code":40001}',
        b'{"detail":"no such field: foo"}',
        b'{"error":"no such field: foo"}',
    ],
)
def test_a_rejected_request_is_told_in_the_upstreams_words(said: bytes) -> None:
    assert "no such field: foo" in classify_status(400, said).message


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_other_words_are_kept_from_the_caller(status: int) -> None:
    assert "organization" not in classify_status(status, body("organization acme has no money")).message


@pytest.mark.parametrize(
    "said",
    [
        body("bad value", "invalid_request_error"),
        body("JSON schema conversion failed:\nUnrecognized schema: {}"),
        body('Unrecognized schema: {"type":"x"}'),
        body("Failed to parse messages: expected a string"),
        body("Unknown reasoning format: x", "server_error"),
        body("image input is not supported - hint: you may need to provide the mmproj", "server_error"),
        body("input (9001 tokens) is too large to process. increase the physical batch size", "server_error"),
    ],
)
def test_llamacpp_says_500_where_the_request_is_at_fault(said: bytes) -> None:
    refusal = classify_status(500, said)
    assert (refusal.code, refusal.retryable, refusal.status) == ("upstream_rejected_request", False, 400)


@pytest.mark.parametrize("said", [body("out of memory"), body("", None), body(5, 5), b"", b"null", b"Failed to parse"])
def test_any_other_500_may_be_tried_elsewhere(said: bytes) -> None:
    assert classify_status(500, said).retryable


@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcdefghijkl1234", "hf_abcdefghijklmnop", "Bearer abc.def", "AIzaSyA1234567890abc", "plain-secret"],
)
def test_keys_are_cut_out(secret: str) -> None:
    message = classify_status(400, body(f"Bad key {secret} given"), secret="plain-secret").message
    assert secret.removeprefix("Bearer ") not in message
    assert "given" in message


def test_long_and_multi_line_words_are_made_short() -> None:
    message = classify_status(400, body("a\r\n\x00b\u2028" + "x" * 5000)).message
    assert "a b xxx" in message
    assert len(message) < 600
    assert message.isprintable()


@given(st.integers(400, 599), st.binary(max_size=200))
def test_no_body_breaks_it(status: int, said: bytes) -> None:
    assert isinstance(classify_status(status, said), UpstreamRefused)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.sampled_from([400, 500]), st.fixed_dictionaries({}, optional={"error": JSON, "message": JSON, "detail": JSON})
)
def test_no_shape_breaks_it(status: int, said: dict[str, Any]) -> None:
    assert isinstance(classify_status(status, json.dumps(said).encode()), UpstreamRefused)


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "5"}, 5),
        ({"retry-after": " 5 "}, 5),
        ({"retry-after": "1.2"}, 2),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "99999999"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "9" * 500}, 0),
        ({"retry-after": "٣"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:30 GMT", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2045 07:27:30 GMT", "date": DATE}, MAX_RETRY_AFTER_S),
        ({"retry-after": DATE}, 0),
        ({"retry-after": DATE, "date": "yesterday"}, 0),
        ({"retry-after": "Wed, 99 Oct 2015 07:27:30 GMT", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 -0000", "date": DATE}, 30),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: int) -> None:
    assert read_retry_after(headers) == seconds


@given(st.text(), st.text())
def test_retry_after_is_always_in_bounds(value: str, date: str) -> None:
    assert 0 <= read_retry_after({"retry-after": value, "date": date}) <= MAX_RETRY_AFTER_S


def test_a_setup_prints_no_secret() -> None:
    assert "hunter2" not in repr(setup(AiohttpTransport(), api_key="hunter2", headers={"x": "hunter2"}))
