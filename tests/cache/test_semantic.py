"""Questions that ask for the same are found, in their own partition alone, and only where the verifier says so."""

import logging
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from homeport.cache.semantic import Match, SemanticTier
from homeport.cache.verifier.verify import Ruling
from homeport.core.caching import Card, Mode
from tests.fakes.clock import ManualClock

NOW = 1_000
LATER = 2_000
YES = Ruling(same=True, reason="proven")
NO = Ruling(same=False, reason="number_differs")
PERHAPS = Ruling(same=False, reason="unknown", doubtful=True)


class Angles:
    """`Embedder` in which a text is a number of degrees, such as `10 a`; text that is none says nothing."""

    name = "angles"
    dimensions = 8

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen += texts
        made = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(made, texts, strict=True):
            if text == "broken":
                raise RuntimeError("the model is gone")
            if (first := text.split()[0]).isdigit():
                row[0], row[1] = np.cos(np.radians(int(first))), np.sin(np.radians(int(first)))
        return made


class Rules:
    """`Verifier` that was told what to say of kept texts, and remembers what it was asked."""

    def __init__(self, **rulings: Ruling) -> None:
        self.rulings = rulings
        self.asked: list[tuple[str, str, float, Mode]] = []

    def rule(self, asked: str, kept: str, cosine: float, mode: Mode) -> Ruling:
        self.asked.append((asked, kept, cosine, mode))
        if kept.endswith("raise"):
            raise KeyError(kept)
        return self.rulings.get(kept.split()[-1], NO)


def tier(verifier: Rules | None = None, **options: int) -> SemanticTier:
    return SemanticTier(Angles(), verifier or Rules(yes=YES, no=NO, perhaps=PERHAPS), clock=ManualClock(), **options)


def card(one: SemanticTier, text: str, partition: bytes = b"p", expires_at: int = LATER) -> Card:
    return Card(
        id=partition + text.encode(),
        partition=partition,
        tenant="key_1",
        expires_at=expires_at,
        size=100,
        cost=5,
        text=text,
        vector=one.vector(text),
    )


def known(*texts: str, verifier: Rules | None = None) -> SemanticTier:
    one = tier(verifier)
    for text in texts:
        one.add(card(one, text))
    return one


def look(one: SemanticTier, text: str, partition: bytes = b"p", mode: Mode = Mode.BALANCED) -> Match | None:
    return one.lookup(partition, text, mode, NOW)


def test_the_nearest_that_the_verifier_accepts_is_found() -> None:
    found = look(known("12 no", "14 yes", "18 yes"), "10")
    assert found is not None
    assert found.id == b"p14 yes"
    assert found.similarity == pytest.approx(np.cos(np.radians(4)), abs=1e-3)
    assert found.ruling == YES


def test_what_only_a_judge_can_tell_is_found_where_nothing_is_the_same() -> None:
    match = look(known("11 no", "12 perhaps", "14 perhaps"), "10")
    assert match is not None
    assert (match.id, match.ruling) == (b"p12 perhaps", PERHAPS)
    same = look(known("12 perhaps", "14 yes"), "10")
    assert same is not None
    assert same.id == b"p14 yes"


def test_what_is_refused_or_far_is_a_miss() -> None:
    verifier = Rules(yes=YES)
    one = known("15 no", "70 yes", verifier=verifier)
    assert look(one, "10") is None
    assert [kept for _, kept, _, _ in verifier.asked] == ["15 no"], "a far text is not shown to the verifier"


def test_the_verifier_is_told_both_texts_their_cosine_and_the_mode() -> None:
    verifier = Rules(yes=YES)
    look(known("12 yes", verifier=verifier), "10", mode=Mode.STRICT)
    [(asked, kept, cosine, mode)] = verifier.asked
    assert (asked, kept, mode) == ("10", "12 yes", Mode.STRICT)
    assert cosine == pytest.approx(np.cos(np.radians(2)), abs=1e-3)


def test_the_very_same_text_needs_no_verifier_and_no_vector() -> None:
    verifier = Rules()
    one = known("10 no", verifier=verifier)
    match = look(one, "10 no")
    assert match is not None
    assert (match.id, match.similarity, match.ruling.same) == (b"p10 no", 1.0, True)
    assert verifier.asked == []


def test_another_partition_knows_nothing_of_it() -> None:
    one = known("10 yes")
    assert look(one, "10 yes", partition=b"q") is None
    assert look(one, "11", partition=b"q") is None


def test_an_entry_that_is_over_answers_no_more() -> None:
    one = tier()
    one.add(card(one, "10 yes", expires_at=NOW))
    one.add(card(one, "14 yes", expires_at=NOW + 1))
    for text in ("10 yes", "9"):
        match = look(one, text)
        assert match is not None
        assert match.id == b"p14 yes"


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "...", "???"])
def test_a_text_that_says_nothing_is_near_to_nothing(text: str) -> None:
    one = tier()
    for kept in ("...", "!!!", "10 yes"):
        one.add(card(one, kept))
    assert len(one) == 1, "what says nothing is not kept"
    assert look(one, text) is None


def test_off_is_off() -> None:
    assert look(known("10 yes"), "10 yes", mode=Mode.OFF) is None


def test_a_card_of_another_model_or_with_a_broken_vector_is_left_out() -> None:
    one = tier()
    good = card(one, "10 yes")
    nan, big = np.full(8, np.nan, "<f2").tobytes(), np.full(8, 9.0, "<f2").tobytes()
    for vector in (b"", good.vector[:-2], good.vector * 2, bytes(16), nan, big, good.vector[:-1]):
        one.keep(good, vector)
    assert (len(one), one.partitions) == (0, 0)


def test_a_vector_is_made_once_for_a_text() -> None:
    embedder = Angles()
    one = SemanticTier(embedder, Rules(yes=YES), clock=ManualClock())
    one.add(card(one, "10 yes"))
    look(one, "11")
    one.add(card(one, "11"))
    assert embedder.seen == ["10 yes", "11"]


def test_a_long_text_is_not_remembered() -> None:
    embedder = Angles()
    one = SemanticTier(embedder, Rules(), clock=ManualClock())
    text = "10 " + "a" * 5_000
    assert one.vector(text) == one.vector(text) != b""
    assert len(embedder.seen) == 2


def test_what_raises_is_a_miss_and_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    one = SemanticTier(Angles(), Rules(), clock=clock)
    one.add(card(one, "10 raise"))
    with caplog.at_level(logging.WARNING):
        assert one.vector("broken") == b""
        assert look(one, "11") is None
        assert look(one, "broken") is None
        assert len(caplog.records) == 1
        clock.advance(60_000_000_000)
        assert look(one, "11") is None
    assert len(caplog.records) == 2
    assert "KeyError" in caplog.records[1].getMessage()
    assert "11" not in caplog.text, "what users say is not logged"


def test_what_was_removed_is_forgotten() -> None:
    one = known("10 yes", "12 yes")
    one.remove(b"p10 yes")
    one.remove(b"p10 yes")
    match = look(one, "10 yes")
    assert match is not None
    assert match.id == b"p12 yes"
    one.remove(b"p12 yes")
    assert (len(one), one.partitions) == (0, 0)


def test_a_large_partition_is_put_into_a_graph_bit_by_bit() -> None:
    one = tier(scanned=1_005)
    for partition in (b"p", b"q"):
        for number in range(1_010):
            one.add(card(one, f"{number % 360} yes {number}", partition))
    assert one.behind == 20
    one.remove(b"p0 yes 0")
    moved = []
    while count := one.work(4):
        moved.append(count)
    assert (sum(moved), max(moved), one.behind) == (19, 4, 0)
    for number in range(1, 1_010):
        assert look(one, f"{number % 360} yes {number}", b"q") is not None


texts = st.sampled_from([f"{angle} {word}" for angle in (0, 3, 20, 90) for word in ("yes", "no", "perhaps")])
steps = st.lists(st.tuples(st.sampled_from(["add", "add", "remove", "look"]), st.sampled_from([b"p", b"q"]), texts))


@settings(max_examples=150)
@given(steps=steps)
def test_nothing_is_found_but_what_is_there_in_the_same_partition(steps: list[tuple[str, bytes, str]]) -> None:
    one, there = tier(), set[tuple[bytes, str]]()
    for what, partition, text in steps:
        if what == "add":
            one.add(card(one, text, partition))
            there.add((partition, text))
        elif what == "remove":
            one.remove(partition + text.encode())
            there.discard((partition, text))
        else:
            match = look(one, text, partition)
            if match is not None:
                assert (partition, match.id[1:].decode()) in there
                assert match.id[1:].decode().split()[1] != "no" or match.id[1:].decode() == text
            assert match is not None or (partition, text) not in there
    assert len(one) == len(there)
    assert one.partitions == len({partition for partition, _ in there})


@pytest.mark.slow
def test_a_model_may_be_loaded_after_a_graph_was_made() -> None:
    pytest.importorskip("onnxruntime", reason="the extra minilm is not installed")
    made = "from homeport.cache.index.graph import GraphIndex; GraphIndex(8); import onnxruntime"
    done = subprocess.run([sys.executable, "-c", made], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
