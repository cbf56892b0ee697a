"""The suite of the example package, and what was recorded with it, belong together."""

from pathlib import Path

from homeport.evaluation.results import parse_results
from homeport.evaluation.suites import prove, read_suite
from tests.fakes.answering import InProcessReferee

SUITE = Path(__file__).parents[2] / "examples" / "packages" / "smollm2" / "suite"


def test_the_recorded_results_are_of_this_suite() -> None:
    suite = read_suite(SUITE / "general.jsonl")
    prove(suite, InProcessReferee())
    recorded = parse_results((SUITE / "general.results.json").read_bytes(), "general.results.json")
    assert recorded.suite == suite.digest, "the suite was changed: record its results again"
    for run in recorded.runs:
        assert [case.id for case in run.cases] == [case.id for case in suite.cases]
        assert run.score.hits == sum(case.passed for case in run.cases)
    assert {run.build.engine for run in recorded.runs} == {"llamacpp", "transformers", "vllm"}
