"""All metrics over a sample: one that fails, or is slow, stops no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.embeddings.static import StaticEmbedder
from homeport.evaluation.metrics.base import Measure, Metric, Need, Sample, Score, Unit
from homeport.evaluation.scorecard import PAUSE_NS, SLOW_NS, Scorecard, can_live, load_metrics, shipped, tidied
from tests.fakes.answering import InProcessReferee
from tests.fakes.clock import ManualClock

TEXT = Sample(output="yes")


def loaded(names: list[str] | None = None, files: tuple[Path, ...] = (), **options: dict[str, object]) -> list[str]:
    found = load_metrics(
        names, referee=InProcessReferee(), embedder=lambda: StaticEmbedder().embed, options=options, files=files
    )
    return [metric.name for metric in found]


def always(name: str, needs: Need = Need.TEXT) -> Measure:
    return Measure(name=name, measure=lambda _: Score(1.0, True), needs=needs)


def failing(name: str) -> Measure:
    def fail(sample: Sample) -> Score | None:
        raise RuntimeError("a secret of the sample")

    return Measure(name=name, measure=fail)


def names(metrics: list[Metric], sample: Sample) -> Iterator[str]:
    return (one.metric for one in Scorecard(metrics, lambda: 0).score(sample).scored)


def test_only_what_applies_is_asked() -> None:
    metrics: list[Metric] = [always(need.value, need) for need in Need]
    assert [*names(metrics, Sample())] == ["nothing"]
    assert [*names(metrics, TEXT)] == ["nothing", "text"]
    assert [*names(metrics, Sample(output="", reference=""))] == ["nothing", "text", "reference"]


def test_one_that_fails_stops_no_other_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    card = Scorecard([failing("own"), always("other")], lambda: 0)
    for _ in range(3):
        found = card.score(TEXT)
        assert [one.metric for one in found.scored] == ["other"]
        assert found.broken == ("own",)
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_one_that_is_slow_three_times_is_left_alone_for_a_minute() -> None:
    clock, asked = ManualClock(), list[Sample]()

    def slow(sample: Sample) -> Score:
        asked.append(sample)
        clock.advance(SLOW_NS + 1)
        return Score(1.0)

    card = Scorecard([Measure(name="slow", measure=slow), always("other")], clock.monotonic_ns)
    cards = [card.score(TEXT) for _ in range(5)]
    assert [one.broken for one in cards] == [(), (), (), ("slow",), ("slow",)]
    assert len(asked) == 3
    clock.advance(PAUSE_NS)
    assert card.score(TEXT).broken == ()


def test_the_worst_of_some_metrics() -> None:
    bad = Measure(name="bad", measure=lambda _: Score(0.3, False, "x", "y"))
    odd = Measure(name="odd", measure=lambda _: Score(0.1), unit=Unit.SHARE)
    card = Scorecard([bad, odd, always("good")], lambda: 0).score(TEXT)
    assert card.least(frozenset({"bad", "good"})) == 0.0
    assert card.least(frozenset({"odd", "good"})) == 1.0
    assert card.least(frozenset()) == 1.0


def test_a_score_is_stored_without_what_a_terminal_could_obey() -> None:
    found = tidied(Score(1, False, "a\x1b[2Jb" * 20, "line\r\n\u202eend\0" + "x" * 500))
    assert found.label.isprintable()
    assert found.why.isprintable()
    assert (len(found.label) <= 32, len(found.why) <= 200) == (True, True)


def test_what_is_shipped_is_loaded_by_default_and_references_are_for_suites() -> None:
    assert loaded() == [*shipped()]
    metrics = load_metrics(None, referee=InProcessReferee(), embedder=lambda: StaticEmbedder().embed)
    assert {metric.name for metric in metrics if not can_live(metric)} == {
        "bleu",
        "embedding_similarity",
        "exact_match",
        "rouge_1",
        "rouge_2",
        "rouge_l",
    }


def test_some_by_name_and_files_after_them(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("from homeport.evaluation.custom import metric\n@metric\ndef own(sample): return True\n")
    assert loaded(["refusal", "format", "refusal"], files=(file,), refusal={}) == ["refusal", "format", "own"]


@pytest.mark.parametrize(
    ("given", "options", "code"),
    [
        (["no_such"], {}, "adapter_unknown"),
        (["refusal"], {"format": {}}, "metric_option_invalid"),
        (["latency"], {"latency": {"most_ms": "soon"}}, "metric_option_invalid"),
        (["latency"], {"latency": {"most_ms": 0}}, "metric_option_invalid"),
        (["toxicity"], {"toxicity": {"words": [""]}}, "metric_option_invalid"),
    ],
)
def test_what_the_configuration_may_not_say(given: list[str], options: dict[str, dict[str, object]], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(given, (), **options)
    assert caught.value.code == code
    assert caught.value.hint


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("from homeport.evaluation.custom import metric\n@metric\ndef refusal(sample): return True\n")
    with pytest.raises(ConfigError) as caught:
        loaded(files=(file,))
    assert caught.value.code == "metric_file_invalid"


def test_options_change_what_is_looked_for() -> None:
    def failed(name: str, sample: Sample, **options: object) -> bool:
        [metric] = load_metrics(
            [name], referee=InProcessReferee(), embedder=lambda: StaticEmbedder().embed, options={name: options}
        )
        found = metric.score(sample)
        return found is not None and found.passed is False

    assert failed("toxicity", Sample(output="Donnerwetter!"), words=["donnerwetter"])
    assert not failed("toxicity", Sample(output="Damn."), allow=["DAMN"])
    assert failed("latency", Sample(latency_ns=2_000_000), most_ms=1)
    assert failed("latency", Sample(latency_ns=2_000_000, ttft_ns=2_000_000, stream=True), most_first_ms=1)
    assert not failed("latency", Sample(latency_ns=2_000_000, ttft_ns=2_000_000), most_first_ms=1)
    assert failed("length", Sample(output_tokens=3), least=4)
    assert failed("length", Sample(output_tokens=3), most=2)
    assert failed("truncation", Sample(output="x", finish="length", max_tokens=8), least_tokens=4)
    assert not failed("exact_match", Sample(output="PARIS", reference="Paris"), ignore_case=True)
