"""What the jobs worker leaves of the quality of routes is read as it was written, until it is stale."""

from pathlib import Path

import pytest

from homeport.storage.standing_quality import Interval, QualityStanding, RouteQuality, read_standing, write_standing

STANDING = QualityStanding(
    computed_at=1_000,
    stale_at=2_000,
    rows=(
        RouteQuality(
            tier="cheap",
            target="small",
            epoch="4c1d",
            since=0,
            until=1_000,
            outputs=1_000,
            judged=150,
            labelled=70,
            doubled=10,
            human=Interval(0.8, 0.7, 0.9),
            judge=Interval(0.85, 0.8, 0.9),
            corrected=None,
            agreement=None,
            kappa=None,
            correlation=None,
            reviewers=None,
            verdict="judge usable",
            why="",
        ),
    ),
)


def test_it_is_read_as_it_was_written_until_it_is_stale(tmp_path: Path) -> None:
    file = tmp_path / "quality-standing.json"
    assert read_standing(file, 1_000) is None
    write_standing(file, STANDING)
    assert read_standing(file, 1_999) == STANDING
    assert read_standing(file, 2_000) is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"computed_at": "x"}', b"\xff\xfe", b"[]"])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "quality-standing.json"
    file.write_bytes(content)
    assert read_standing(file, 0) is None
