"""Probes and their answers, batch by batch: what is read from a recording, or was asked."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from homeport.core.errors import ConfigError
from homeport.drift.recording import Row
from homeport.drift.similarity import Features, Similarity, compare, text_features
from homeport.drift.traits import LEVELS, TABLE_WEIGHT, table, traits

MOST_BATCHES = 20_000
MOST_CELLS = 400_000
"""Probes times batches."""


@dataclass(frozen=True)
class Recorded:
    """Answers by probe and batch, as far as they are compared.

    Attributes:
        batches: their times as they were written, the earliest first.
        probes: their names, in the order in which they were met.
    """

    batches: tuple[str, ...]
    probes: tuple[str, ...]
    similarity: Similarity


class _Probe:
    """Answers to one probe: the numbers of their batches, and what they are, each text once."""

    def __init__(self) -> None:
        self.batch, self.output = array("q"), array("q")
        self.texts: dict[tuple[bytes, ...], int] = {}
        self.table_batch = array("q")
        self.tables: list[Mapping[str, float]] = []

    def add(self, batch: int, row: Row) -> None:
        if row.logprobs:
            self.table_batch.append(batch)
            self.tables.append(table(row.logprobs))
        self.batch.append(batch)
        self.output.append(self.texts.setdefault(traits(row.output), len(self.texts)))

    def features(self, place: Sequence[int]) -> Features:
        """Tables where at least half of the answers have one: then which token was sampled is chance."""
        if 2 * len(self.tables) >= len(self.batch):
            return _table_features([place[number] for number in self.table_batch], self.tables, len(place))
        import numpy as np

        columns: dict[tuple[int, bytes], int] = {}
        levels = [
            [columns.setdefault((level, trait), len(columns)) for level, trait in enumerate(text)]
            for text in self.texts
        ]
        batch = np.asarray(place)[np.asarray(self.batch)]
        return text_features(batch, np.asarray(self.output), np.array(levels).reshape(-1, LEVELS), len(place))


def _table_features(batch: Sequence[int], tables: Sequence[Mapping[str, float]], batches: int) -> Features:
    import numpy as np

    columns: dict[str, int] = {}
    entries = [
        (number, columns.setdefault(token, len(columns)), value)
        for number, vector in zip(batch, tables, strict=True)
        for token, value in vector.items()
    ]
    numbers, places, values = zip(*entries, strict=True)
    return Features(
        batch=np.array(numbers),
        column=np.array(places),
        value=np.array(values),
        rows=np.bincount(np.array(batch), minlength=batches),
        unit=TABLE_WEIGHT,
    )


def collect(rows: Iterable[Row]) -> Recorded:
    """Sort rows into batches and compare these.

    Raises:
        ConfigError: recording_too_large, beyond `MOST_BATCHES` or `MOST_CELLS`; and what reading the rows raises.
    """
    times: dict[float, tuple[int, str]] = {}
    probes: dict[str, _Probe] = {}
    for row in rows:
        number, _ = times.setdefault(row.seconds, (len(times), row.batch))
        if row.probe not in probes:
            probes[row.probe] = _Probe()
        _check(len(times), len(probes))
        probes[row.probe].add(number, row)
    place, batches = [0] * len(times), []
    for later, seconds in enumerate(sorted(times)):
        number, text = times[seconds]
        place[number] = later
        batches.append(text)
    similarity = compare([probe.features(place) for probe in probes.values()], len(batches))
    return Recorded(batches=tuple(batches), probes=tuple(probes), similarity=similarity)


def _check(batches: int, probes: int) -> None:
    if batches > MOST_BATCHES or batches * probes > MOST_CELLS:
        raise ConfigError(
            f"the recording has {probes:,} probes or more in {batches:,} batches or more",
            code="recording_too_large",
            hint=f"{MOST_BATCHES:,} batches, and {MOST_CELLS:,} of them times probes, can be compared: split the file",
        )
