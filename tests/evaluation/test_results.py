"""What is recorded of a run, and how a new run compares with it."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.evaluation.checks import Verdict
from homeport.evaluation.results import (
    Build,
    Recorded,
    Results,
    answer_digest,
    beside_the_first,
    compare,
    parse_results,
    record,
    results_file,
    results_of,
    share_of,
)
from homeport.evaluation.suites import Judged, Suite, parse_suite
from homeport.packages.base import FileRole
from homeport.packages.layout import Store
from tests.fakes.answering import answer
from tests.packages.conftest import Shelf

LLAMA = Build(name="llamacpp", engine="llamacpp", build="b1")
VLLM = Build(name="vllm:bfloat16", engine="vllm", precision="bfloat16")


def suite(count: int = 4) -> Suite:
    line = '{"id": "%d", "prompt": "x", "check": {"kind": "contains"}, "expected": "right"}\n'
    return parse_suite("".join(line % number for number in range(count)).encode(), "s.jsonl")


def ran(build: Build, texts: str) -> Recorded:
    """A case for each letter: capitals passed."""
    judged = [
        Judged(case=case, answer=answer(letter.lower()), verdict=Verdict(letter.isupper()))
        for case, letter in zip(suite(len(texts)).cases, texts, strict=True)
    ]
    return record(build, judged)


def test_no_answer_is_recorded() -> None:
    told = msgspec.json.encode(
        record(LLAMA, [Judged(case=suite(1).cases[0], answer=answer("secret"), verdict=Verdict(True))])
    )
    assert b"secret" not in told
    assert answer_digest("secret").encode() in told


def test_without_recorded_results_there_is_no_bound() -> None:
    outcome = compare(suite(), ran(LLAMA, "abcd"), [])
    assert (outcome.bound, outcome.recorded, outcome.met) == (None, None, True)


def test_results_of_another_suite_do_not_count() -> None:
    other = Results(suite="sha256:other", runs=(ran(LLAMA, "ABCD"),), bound=1.0)
    assert compare(suite(), ran(LLAMA, "abcd"), [other]).met


def test_the_bound_is_the_packages_own_or_the_recorded_intervals_end() -> None:
    recorded = Results(suite=suite().digest, runs=(ran(LLAMA, "ABCD"),))
    outcome = compare(suite(), ran(LLAMA, "ABCd"), [recorded])
    assert outcome.bound == ran(LLAMA, "ABCD").score.low == pytest.approx(0.51, abs=0.01)
    assert outcome.met
    assert not compare(suite(), ran(LLAMA, "ABcd"), [recorded]).met
    strict = msgspec.structs.replace(recorded, bound=0.8)
    assert not compare(suite(), ran(LLAMA, "ABCd"), [strict]).met
    assert results_file(suite(), [ran(LLAMA, "ABCd")], [strict]).bound == 0.8


def test_a_run_is_compared_with_the_one_on_its_own_engine() -> None:
    other_precision = ran(msgspec.structs.replace(VLLM, precision="float32"), "abcd")
    other_engine = ran(msgspec.structs.replace(VLLM, engine="external"), "abcd")
    runs = (ran(LLAMA, "ABCD"), other_engine, other_precision, ran(VLLM, "ABcd"))
    recorded = Results(suite=suite().digest, runs=runs)
    found = compare(suite(), ran(VLLM, "AxCd"), [recorded]).recorded
    assert found is not None
    assert found.with_ == VLLM
    assert (found.verdicts.hits, found.answers.hits) == (2, 3)
    assert (found.worse, found.better) == (("1",), ("2",))
    plain = msgspec.structs.replace(VLLM, precision="")
    found = compare(suite(), ran(plain, "ABCD"), [recorded]).recorded
    assert found is not None
    assert found.with_ == other_precision.build, "its own engine in another precision, before another engine"
    other = compare(suite(), ran(Build(name="t", engine="transformers"), "ABCD"), [recorded]).recorded
    assert other is not None
    assert other.with_ == LLAMA


def test_runs_are_put_beside_the_first() -> None:
    results = Results(suite="s", runs=(ran(LLAMA, "ABcd"), ran(VLLM, "ABCx"), ran(VLLM, "A")))
    assert [(run.score.hits, same) for run, same in beside_the_first(results)] == [(2, None), (3, 3), (1, 1)]
    assert list(beside_the_first(Results(suite="s"))) == []


def test_a_package_tells_its_results(store: Store, shelf: Shelf, spec: Any) -> None:
    results = Results(suite=suite().digest, runs=(ran(LLAMA, "ABCD"),), bound=0.5)
    kept = shelf.file(FileRole.SUITE, "suites/s.json", msgspec.json.encode(results))
    assert results_of(store.add(spec, [shelf.weights(), kept])) == (results,)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"suite": 1}', b'{"suite": "s", "bound": 2}', b'{"suite": "s", "bound": NaN}', b"[" * 100_000,
     b'{"suite": "s", "more": 1}', b'{"suite": "s", "runs": [{"build": {"name": "x"}}]}', b"\xff"],
)  # fmt: skip
def test_results_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        parse_results(data, "r.json")
    assert caught.value.code == "results_invalid"
    assert "r.json" in caught.value.message


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(PackageError):
        assert parse_results(data, "r").suite is not None


@given(st.lists(st.booleans()))
def test_a_share_is_inside_its_interval(flags: list[bool]) -> None:
    share = share_of(flags)
    assert share.low <= share.value <= share.high or not flags
    assert (share.hits, share.of) == (sum(flags), len(flags))
