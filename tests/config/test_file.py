"""The file while a program runs: what was adopted last is there for a process that starts again."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.config.file import ConfigFile
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, environment

WRONG = BASE.replace("tiers:", "tierz:")


def config_file(folder: Path, text: str) -> ConfigFile:
    (folder / "homeport.yaml").write_text(text)
    (folder / "run").mkdir()
    return ConfigFile(environment(folder, {}, None), folder / "homeport.yaml", folder / "run" / "homeport.yaml")


def aliases(settings: Settings) -> dict[str, str]:
    return dict(settings.aliases)


def test_by_the_file_where_it_is_right(tmp_path: Path) -> None:
    file = config_file(tmp_path, BASE)
    file.keep()
    (tmp_path / "homeport.yaml").write_text(BASE + "aliases: {a: m}\n")
    assert file.begin(aliases) == {"a": "m"}


def test_by_what_was_adopted_where_the_file_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = config_file(tmp_path, BASE + "aliases: {a: m}\n")
    file.keep()
    (tmp_path / "homeport.yaml").write_text(WRONG)
    assert file.begin(aliases) == {"a": "m"}
    assert "homeport.yaml:" in caplog.text
    assert "tierz" in caplog.text


def test_also_where_it_cannot_be_put_into_effect(tmp_path: Path) -> None:
    file = config_file(tmp_path, BASE)
    file.keep()
    (tmp_path / "homeport.yaml").write_text(BASE + "aliases: {a: m}\n")

    def build(settings: Settings) -> dict[str, str]:
        if settings.aliases:
            raise ConfigError("no such policy")
        return aliases(settings)

    assert file.begin(build) == {}


def _nothing(folder: Path) -> None:
    assert not (folder / "run" / "homeport.yaml").exists()


def _wrong_too(folder: Path) -> None:
    (folder / "run" / "homeport.yaml").write_text("x")


@pytest.mark.parametrize("kept", [_nothing, _wrong_too])
def test_the_file_is_what_the_error_is_about(tmp_path: Path, kept: Callable[[Path], None]) -> None:
    file = config_file(tmp_path, WRONG)
    kept(tmp_path)
    with pytest.raises(ConfigError, match="tierz"):
        file.begin(aliases)


def test_the_copy_is_for_its_owner_alone_and_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    file = config_file(tmp_path, BASE)
    file.keep()
    kept = tmp_path / "run" / "homeport.yaml"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()
    (tmp_path / "run").rmdir()
    file.keep()
    assert not kept.exists()


def test_its_stamp_changes_with_it(tmp_path: Path) -> None:
    file = config_file(tmp_path, BASE)
    before = file.stamp()
    (tmp_path / "homeport.yaml").write_text(BASE + "\n")
    after = file.stamp()
    (tmp_path / "homeport.yaml").unlink()
    assert len({before, after, file.stamp()}) == 3
    assert file.stamp() == (0, 0, 0)
