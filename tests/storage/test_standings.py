"""What the jobs worker leaves is read back whole, or not at all."""

from pathlib import Path

import pytest

from homeport.storage.standings import Standing, Standings, read_standings, write_standings

ROW = Standing(
    objective="chat",
    indicator="availability",
    target=0.999,
    good=99,
    valid=100,
    ratio=0.99,
    budget_left=-9.0,
    burn={"5m": 10.0},
    firing=("page",),
)
SOME = Standings(computed_at=10, stale_at=20, rows=(ROW,))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "slo.json"
    write_standings(path, Standings(computed_at=1, stale_at=2, rows=()))
    write_standings(path, SOME)
    assert read_standings(path, 19) == SOME
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_stale_is_not_believed(tmp_path: Path) -> None:
    write_standings(tmp_path / "slo.json", SOME)
    assert read_standings(tmp_path / "slo.json", 20) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"computed_at": "x"}', b"\xff\xfe", b"[" * 5000])
def test_what_is_broken_is_not_there(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "slo.json"
    path.write_bytes(content)
    assert read_standings(path, 0) is None
    assert read_standings(tmp_path, 0) is None
    assert read_standings(tmp_path / "missing", 0) is None
