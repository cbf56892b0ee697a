"""Several gateway processes, one metrics page."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from homeport.telemetry.metrics import Metrics
from homeport.telemetry.workers import publish
from tests.storage.events import finished

SECOND = 1_000_000_000


def page(metrics: Metrics) -> dict[tuple[str, str], float]:
    """The number of requests of each worker, and that families come once."""
    families = list(text_string_to_metric_families(metrics.page().decode()))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, sample.labels.get("worker", "")): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "homeport_requests_total"
    }


def worker(folder: Path, number: int, requests: int, now: int = 0) -> Metrics:
    metrics = Metrics()
    metrics.share(folder, number, lambda: now)
    for request in range(requests):
        metrics.observe(finished(f"r{request}"))
    return metrics


def test_each_worker_shows_all_of_them_apart(tmp_path: Path) -> None:
    first, second = worker(tmp_path, 1, 2), worker(tmp_path, 2, 5)
    first.publish()
    second.publish()
    expected = {("homeport_requests_total", "1"): 2, ("homeport_requests_total", "2"): 5}
    assert page(first) == page(second) == expected
    first.observe(finished("r9"))
    assert page(first)["homeport_requests_total", "1"] == 3, "its own figures are those of now"
    assert page(second)["homeport_requests_total", "1"] == 2


def test_one_that_is_gone_is_not_shown(tmp_path: Path) -> None:
    worker(tmp_path, 2, 5).publish()
    assert set(page(worker(tmp_path, 1, 1, now=6 * SECOND))) == {("homeport_requests_total", "1")}


def test_half_a_file_and_strangers_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "2.metrics").write_bytes(b"\x93half")
    (tmp_path / "x.metrics").write_bytes(b"")
    assert set(page(worker(tmp_path, 1, 1))) == {("homeport_requests_total", "1")}


def test_alone_there_is_no_such_label() -> None:
    metrics = Metrics()
    metrics.observe(finished("r"))
    assert set(page(metrics)) == {("homeport_requests_total", "")}


def test_a_folder_is_made_when_it_is_needed(tmp_path: Path) -> None:
    publish(tmp_path / "run" / "metrics", 1, Metrics()._of_all_processes[0], 0)
    assert [path.name for path in (tmp_path / "run" / "metrics").iterdir()] == ["1.metrics"]
