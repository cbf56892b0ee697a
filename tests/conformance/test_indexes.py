"""Every vector index must pass this suite."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from homeport.cache.index.base import VectorIndex
from homeport.cache.index.graph import GraphIndex
from homeport.cache.index.growing import GrowingIndex
from homeport.cache.index.scan import ScanIndex

SIZE = 16
Make = Callable[[], VectorIndex]


def growing() -> VectorIndex:
    return GrowingIndex(SIZE, scanned=8, tail=2)


MAKES: dict[str, Make] = {
    "scan": lambda: ScanIndex(SIZE, block=8),
    "graph": lambda: GraphIndex(SIZE),
    "growing": growing,
}


@pytest.fixture(params=sorted(MAKES))
def index(request: pytest.FixtureRequest) -> VectorIndex:
    return MAKES[request.param]()


def rows(count: int, seed: int = 1) -> NDArray[np.float16]:
    made = np.random.default_rng(seed).normal(size=(count, SIZE))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype("<f2")


def ident(number: int) -> bytes:
    return number.to_bytes(16, "big")


def nearest(asked: NDArray[np.float16], known: dict[int, NDArray[np.float16]], most: int) -> list[tuple[int, float]]:
    found = [(number, float(asked.astype(np.float64) @ row.astype(np.float64))) for number, row in known.items()]
    return sorted(found, key=lambda pair: -pair[1])[:most]


def settle(index: VectorIndex) -> None:
    while isinstance(index, GrowingIndex) and index.work(3):
        pass


def test_an_empty_one_finds_nothing(index: VectorIndex) -> None:
    assert index.search(rows(1)[0].tobytes(), 4) == []
    assert len(index) == 0
    assert not index.remove(ident(1))


def test_it_finds_the_nearest_with_their_cosines_best_first(index: VectorIndex) -> None:
    known = dict(enumerate(rows(300)))
    for number, row in known.items():
        index.add(ident(number), row.tobytes())
        settle(index)
    for asked in rows(20, seed=2):
        expected = nearest(asked, known, 5)
        found = index.search(asked.tobytes(), 5)
        assert [entry_id for entry_id, _ in found] == [ident(number) for number, _ in expected]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected], abs=2e-3)


def test_it_gives_no_more_than_asked_for_or_there(index: VectorIndex) -> None:
    first, second = rows(2)
    index.add(ident(1), first.tobytes())
    index.add(ident(2), second.tobytes())
    assert [len(index.search(first.tobytes(), most)) for most in (0, 1, 2, 9)] == [0, 1, 2, 2]


def test_the_same_id_is_there_once_with_its_last_vector(index: VectorIndex) -> None:
    first, second = rows(2)
    index.add(ident(1), first.tobytes())
    index.add(ident(1), second.tobytes())
    assert len(index) == 1
    [(entry_id, cosine)] = index.search(second.tobytes(), 3)
    assert entry_id == ident(1)
    assert cosine == pytest.approx(1.0, abs=2e-3)


def test_equal_vectors_are_all_found(index: VectorIndex) -> None:
    row = rows(1)[0].tobytes()
    for number in range(40):
        index.add(ident(number), row)
        settle(index)
    assert len({entry_id for entry_id, _ in index.search(row, 40)}) == 40


@pytest.mark.parametrize("length", [0, 1, 2 * SIZE - 2, 2 * SIZE + 2, 2 * SIZE + 1])
def test_a_vector_of_another_length_is_refused_and_nothing_has_happened(index: VectorIndex, length: int) -> None:
    row = rows(1)[0].tobytes()
    index.add(ident(1), row)
    for entry_id in (ident(1), ident(2)):
        with pytest.raises(ValueError):
            index.add(entry_id, bytes(length))
    with pytest.raises(ValueError):
        index.search(bytes(length), 1)
    assert [entry_id for entry_id, _ in index.search(row, 9)] == [ident(1)]


steps = st.lists(st.tuples(st.sampled_from(["add", "add", "remove", "work"]), st.integers(0, 24)), max_size=80)


@pytest.mark.parametrize("name", sorted(MAKES))
@settings(max_examples=60)
@given(steps=steps)
def test_whatever_is_done_it_has_what_was_added_and_not_removed(name: str, steps: list[tuple[str, int]]) -> None:
    index, known, made = MAKES[name](), dict[int, NDArray[np.float16]](), rows(200)
    for turn, (what, number) in enumerate(steps):
        if what == "add":
            known[number] = made[(turn * 7 + number) % 200]
            index.add(ident(number), known[number].tobytes())
        elif what == "remove":
            assert index.remove(ident(number)) == (known.pop(number, None) is not None)
        elif isinstance(index, GrowingIndex):
            index.work(number)
    assert len(index) == len(known)
    assert [number for number in range(25) if ident(number) in index] == sorted(known)
    found = index.search(made[0].tobytes(), 30)
    assert {entry_id for entry_id, _ in found} == {ident(number) for number in known}
    expected = [cosine for _, cosine in nearest(made[0], known, 30)]
    assert [cosine for _, cosine in found] == pytest.approx(expected, abs=2e-3)
