"""What outputs scored, for Prometheus: bounded, and nothing where it is stale."""

from prometheus_client import CollectorRegistry, generate_latest

from homeport.storage.score_figures import MetricFigure, QualityFigures, SampleFigure
from homeport.telemetry.bounds import MOST_MODELS, MOST_QUALITY
from homeport.telemetry.quality import QualityGauges


def figure(metric: str = "refusal", *, version: int = 1, judged: int = 4, target: str = "m") -> MetricFigure:
    return MetricFigure(
        tier="t",
        target=target,
        metric=metric,
        version=version,
        outputs=4,
        judged=judged,
        failed=1,
        mean=0.75,
        deviation=0.5,
    )


def sampled(target: str = "m") -> SampleFigure:
    return SampleFigure(tier="t", target=target, outputs=9, kept=8, low=7, broken=6, for_judge=5, for_human=4)


def page(figures: QualityFigures | None) -> str:
    registry = CollectorRegistry()
    registry.register(QualityGauges(lambda: figures))
    return generate_latest(registry).decode()


def test_values_and_failures_by_route_and_metric() -> None:
    metrics = (figure(), figure("latency", judged=0), figure(version=2))
    told = page(QualityFigures(stale_at=1, waiting=3, metrics=metrics, samples=(sampled(),)))
    assert 'homeport_quality_value{metric="refusal",model="m",tier="t"} 0.75' in told
    assert told.count('homeport_quality_value{metric="refusal"') == 1, "of two versions the one with more outputs"
    assert 'homeport_quality_failed_ratio{metric="refusal",model="m",tier="t"} 0.25' in told
    assert 'homeport_quality_failed_ratio{metric="latency"' not in told, "it is measured only"
    assert 'homeport_quality_outputs{model="m",tier="t"} 9.0' in told
    states = {"kept": 8, "low": 7, "broken": 6, "for_judge": 5, "for_human": 4}
    for state, value in states.items():
        assert f'homeport_quality_outputs_of{{model="m",state="{state}",tier="t"}} {value}.0' in told
    assert "homeport_quality_waiting 3.0" in told


def test_nothing_where_it_is_stale() -> None:
    assert "homeport_quality" not in page(None)


def test_however_many_routes_there_are_the_page_has_a_bound() -> None:
    figures = QualityFigures(
        stale_at=1,
        metrics=tuple(figure(target=f"m{number}") for number in range(MOST_QUALITY + 5)),
        samples=tuple(sampled(f"m{number}") for number in range(MOST_MODELS + 5)),
    )
    told = page(figures)
    assert told.count("homeport_quality_value{") == told.count("homeport_quality_failed_ratio{") == MOST_QUALITY
    assert told.count("homeport_quality_outputs{") == MOST_MODELS
