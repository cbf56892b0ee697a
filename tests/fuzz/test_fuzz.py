"""Each target on inputs that are quick to try: what once failed, and some that a seed makes."""

from pathlib import Path

import pytest

from tests.fuzz.hostile import NESTS
from tests.fuzz.source import Source
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.depth import HOLES, depth
from tests.fuzz.tries import seeded

CASES = sorted((Path(__file__).parent / "cases").glob("*/*"))
QUICK = 60


@pytest.mark.parametrize("name", TARGETS)
def test_quick_inputs(name: str) -> None:
    for data in seeded(QUICK):
        TARGETS[name](data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_what_was_found_stays_mended(case: Path) -> None:
    TARGETS[case.parent.name](case.read_bytes())


@pytest.mark.parametrize("hole", range(len(HOLES)))
def test_nothing_is_too_deep_for_its_reader(hole: int) -> None:
    for nest in range(len(NESTS)):
        depth(bytes([hole, nest]))


def test_every_case_belongs_to_a_target() -> None:
    assert {case.parent.name for case in CASES} <= set(TARGETS)


def test_the_same_bytes_make_the_same_choices() -> None:
    data = bytes(range(200, 256))
    made = [
        (source.text(), source.integer(3, 9), source.cuts(7), source.name()) for source in map(Source, [data, data])
    ]
    assert made[0] == made[1]


def test_where_the_bytes_end_every_choice_is_the_first() -> None:
    source = Source(b"")
    assert (source.text(), source.integer(3, 9), source.flag(), source.cuts(7)) == ("", 3, False, [0, 7])
