"""What could take for ever does not: questions that are made to, in a real process."""

import socket

import pytest

from homeport.evaluation.checks import Asked
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.ruling import rule

pytestmark = pytest.mark.slow

BOMB = "(a+)+$"
DOUBLING = {
    "$ref": "#/$defs/d0",
    "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
}


def test_a_regex_bomb_is_given_up_and_the_next_question_is_answered() -> None:
    with ProcessReferee(seconds=0.3) as referee:
        ruling = referee.matches(BOMB, "a" * 40 + "b", ignore_case=False)
        assert (ruling.ok, ruling.broken) == (False, True)
        assert "longer than 0.3 s" in ruling.why
        assert referee.matches("b$", "ab", ignore_case=False).ok


def test_a_schema_bomb_is_given_up() -> None:
    with ProcessReferee(seconds=0.3) as referee:
        assert referee.follows(DOUBLING, 1).broken
        assert referee.follows({"type": "integer"}, 1).ok


def test_nothing_is_fetched_for_a_reference() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with ProcessReferee() as referee:
            assert referee.follows({"$ref": url}, 1).broken
        with pytest.raises(BlockingIOError):
            server.accept()


def test_its_process_ends_with_it() -> None:
    with ProcessReferee() as referee:
        referee.matches("a", "a", ignore_case=False)
        child = referee._child
        assert child is not None
    assert child.poll() is not None
    referee.close()


@pytest.mark.parametrize(
    "asked",
    [
        Asked(pattern="("),
        Asked(pattern="(" * 5000),
        Asked(pattern="a{99999999999}"),
        Asked(schema={"type": 7}),
        Asked(schema={"$ref": "#"}),
        Asked(schema={"$ref": "#/nowhere"}),
        Asked(schema={"pattern": "("}, value="x"),
    ],
)
def test_a_question_that_makes_no_sense_is_said_to(asked: Asked) -> None:
    assert rule(asked).broken


def test_why_says_where_without_the_answer() -> None:
    ruling = rule(Asked(schema={"properties": {"a": {"type": "integer"}}}, value={"a": "a secret"}))
    assert (ruling.ok, ruling.broken) == (False, False)
    assert "type at $.a" in ruling.why
    assert "secret" not in ruling.why
