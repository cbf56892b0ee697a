"""A scan becomes a graph while it is in use, and a scan again."""

import numpy as np
from numpy.typing import NDArray

from homeport.cache.index.graph import GraphIndex
from homeport.cache.index.growing import GrowingIndex
from homeport.cache.index.scan import ScanIndex
from tests.conformance.test_indexes import SIZE, ident, rows


def filled(count: int) -> tuple[GrowingIndex, NDArray[np.float16]]:
    index, made = GrowingIndex(SIZE, scanned=100, tail=10), rows(count)
    for number, row in enumerate(made):
        index.add(ident(number), row.tobytes())
    return index, made


def test_few_are_scanned_and_leave_nothing_to_do() -> None:
    index, _ = filled(100)
    assert index.behind == 0
    assert index.work(1_000) == 0


def test_many_are_moved_in_small_steps_and_found_at_every_one() -> None:
    index, made = filled(140)
    assert index.behind == 130
    while index.behind:
        assert index.work(7) <= 7
        for number in (0, 70, 139):
            assert index.search(made[number].tobytes(), 1)[0][0] == ident(number)
    assert len(index) == 140


def test_what_is_added_again_while_it_is_in_the_graph_is_there_once() -> None:
    index, made = filled(140)
    while index.work(50):
        pass
    for number in range(140):
        index.add(ident(number), made[(number + 1) % 140].tobytes())
    assert len(index) == 140
    assert index.search(made[5].tobytes(), 1)[0][0] == ident(4)


def test_a_graph_of_few_is_dissolved() -> None:
    index, made = filled(140)
    while index.work(50):
        pass
    for number in range(135):
        index.remove(ident(number))
    assert index.behind == 0
    assert [index.search(made[number].tobytes(), 1)[0][0] for number in range(135, 140)] == [
        ident(number) for number in range(135, 140)
    ]
    # Below the bound again, nothing is moved: a graph that was still there would be filled.
    for number in range(60):
        index.add(ident(number), made[number].tobytes())
    assert index.behind == 0


def test_a_scan_gives_memory_back() -> None:
    index = ScanIndex(SIZE)
    for number, row in enumerate(rows(1_000)):
        index.add(ident(number), row.tobytes())
    for number in range(990):
        index.remove(ident(number))
    assert sum(map(len, index._blocks)) < 50
    assert len(index.take(100)[0]) == 10
    assert len(index) == 0


def test_a_graph_finds_nearly_what_a_scan_finds_after_most_was_replaced() -> None:
    scan, graph, made = ScanIndex(SIZE), GraphIndex(SIZE), rows(6_000)
    for number, row in enumerate(made):
        for index in (scan, graph):
            index.add(ident(number), row.tobytes())
            if number >= 2_000:
                index.remove(ident(number - 2_000))
    asked = rows(200, seed=3)
    same = sum(
        len(
            {entry_id for entry_id, _ in scan.search(row.tobytes(), 5)}
            & {entry_id for entry_id, _ in graph.search(row.tobytes(), 5)}
        )
        for row in asked
    )
    assert same / (5 * len(asked)) > 0.9
