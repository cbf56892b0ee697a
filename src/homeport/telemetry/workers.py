"""One metrics page for several gateway processes: each shows its own figures and the others', by `worker`.

A process writes what it counts to a file once a second; whoever is scraped reads the files of the
others. Summing them would be wrong: a process that starts again counts from zero, and Prometheus
can only see that in a series of its own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

_FRESH_NS = 5_000_000_000
_SUFFIX = ".metrics"


class _Example(msgspec.Struct, frozen=True, array_like=True):
    """What `prometheus_client.samples.Exemplar` is, to be written to a file."""

    labels: dict[str, str]
    value: float
    timestamp: float


class _Family(msgspec.Struct, frozen=True):
    name: str
    documentation: str
    kind: str
    samples: list[tuple[str, dict[str, str], float, _Example | None]]


class _Page(msgspec.Struct, frozen=True):
    written_at: int
    families: list[_Family]


_DECODER = msgspec.msgpack.Decoder(_Page)


def publish(folder: Path, worker: int, collector: Collector, wall_ns: int) -> None:
    """Write what this process counts, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    families = [
        _Family(
            metric.name,
            metric.documentation,
            metric.type,
            [(one.name, dict(one.labels), one.value, _example(one.exemplar)) for one in metric.samples],
        )
        for metric in collector.collect()
    ]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{worker}.{os.getpid()}"
    draft.write_bytes(msgspec.msgpack.encode(_Page(wall_ns, families)))
    draft.rename(folder / f"{worker}{_SUFFIX}")


class AllWorkers(Collector):
    """The families of every worker that wrote in the last five seconds, this one's as they are now."""

    def __init__(self, folder: Path, worker: int, own: Collector, wall_ns: int) -> None:
        self._folder = folder
        self._worker = worker
        self._own = own
        self._wall_ns = wall_ns

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for metric in self._own.collect():
            merged[metric.name] = _labelled(metric, self._worker)
        for worker, page in self._others():
            for family in page.families:
                metric = merged.setdefault(family.name, Metric(family.name, family.documentation, family.kind))
                metric.samples += [
                    Sample(name, {**labels, "worker": str(worker)}, value, exemplar=_exemplar(example))
                    for name, labels, value, example in family.samples
                ]
        yield from merged.values()

    def _others(self) -> Iterator[tuple[int, _Page]]:
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            worker = path.name.removesuffix(_SUFFIX)
            if not worker.isdecimal() or int(worker) == self._worker:
                continue
            try:
                page = _DECODER.decode(path.read_bytes())
            except (OSError, msgspec.MsgspecError):
                continue  # It is being replaced, or a crash left half of it; there is another in a second.
            if abs(self._wall_ns - page.written_at) < _FRESH_NS:
                yield int(worker), page


def _labelled(metric: Metric, worker: int) -> Metric:
    labelled = Metric(metric.name, metric.documentation, metric.type)
    labelled.samples = [sample._replace(labels={**sample.labels, "worker": str(worker)}) for sample in metric.samples]
    return labelled


def _example(exemplar: Exemplar | None) -> _Example | None:
    return None if exemplar is None else _Example(exemplar.labels, exemplar.value, float(exemplar.timestamp or 0))


def _exemplar(example: _Example | None) -> Exemplar | None:
    return None if example is None else Exemplar(example.labels, example.value, example.timestamp)
