"""What was said of outputs is found with the call that gave each, by when it was said. On both databases."""

from sqlalchemy import Engine

from homeport.core.types import Attempt
from homeport.storage.evaluated import said_by_judges, said_by_metrics, said_by_people
from tests.storage.evaluated import ANSWERED, FAILED, HOME, SPAN, TRACE, add_score, add_traced
from tests.storage.reviewed import NOW, add_epoch, add_judgements, add_labels

UNTRACED = Attempt(target="small", error="", started_ns=0, ended_ns=9)
HOUR = 3_600 * 10**9


def test_a_verdict_is_in_the_span_of_the_call_that_answered(engine: Engine) -> None:
    add_traced(engine, "r1", "r2")
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {"r1": 0.75, "r2": None})
    found = said_by_judges(engine, HOME, NOW - 1, NOW)
    assert [(one.request_id, one.value) for one in found] == [("r1", 0.75), ("r2", None)]
    assert {(one.trace_id, one.span_id, one.at) for one in found} == {(TRACE, SPAN, NOW)}
    assert {(one.name, one.version) for one in found} == {("judge", "helpful@1")}
    assert said_by_judges(engine, HOME, NOW, NOW + HOUR) == []
    assert said_by_judges(engine, HOME, NOW - HOUR, NOW - 1) == []


def test_what_is_not_traced_or_came_of_no_call_is_left_out(engine: Engine) -> None:
    add_traced(engine, "cached", attempts=())
    add_traced(engine, "untraced", attempts=(UNTRACED,))
    add_traced(engine, "failed", attempts=(FAILED,))
    add_traced(engine, "elsewhere", home="ba9876543210")
    add_traced(engine, "here", attempts=(ANSWERED,))
    add_labels(engine, "ann", dict.fromkeys(("cached", "untraced", "failed", "elsewhere", "here"), 4))
    found = said_by_people(engine, HOME, NOW - 1, NOW + 10)
    assert [(one.request_id, one.value, one.label) for one in found] == [("here", 4, "4")]
    assert "ann" not in str(found), "who it was is nobody's business"


def test_of_metrics_those_that_failed_or_all(engine: Engine) -> None:
    add_traced(engine, "r1")
    add_score(engine, "r1", "format", passed=True)
    add_score(engine, "r1", "length", passed=None)
    add_score(engine, "r1", "refusal", passed=False, label="refused")
    failed = said_by_metrics(engine, HOME, NOW - 1, NOW, failed=True)
    assert [(one.name, one.version, one.value, one.label) for one in failed] == [("refusal", "2", 0.25, "refused")]
    found = said_by_metrics(engine, HOME, NOW - 1, NOW, failed=False)
    assert [one.name for one in found] == ["format", "length", "refusal"]
    assert said_by_metrics(engine, HOME, NOW, NOW + HOUR, failed=False) == []
