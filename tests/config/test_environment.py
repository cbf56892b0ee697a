"""The process environment, and which file is found through it."""

from pathlib import Path

import pytest

from homeport.config.load import find_config, load, read_environment
from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, environment

OURS = ("HOMEPORT_HOME", "HOMEPORT_CONFIG", "HOMEPORT_PORT", "HOMEPORT_DEBUG", "HOMEPORT_VARIABLES")


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    return monkeypatch


def test_defaults(clean: pytest.MonkeyPatch) -> None:
    env = read_environment()
    assert env.home == Path("/home/someone/.homeport")
    assert (env.config, env.port, env.debug) == (None, None, False)


def test_everything_set(clean: pytest.MonkeyPatch) -> None:
    for name, value in zip(OURS, ("~/h", "~/c.yaml", "81", "1", "{}"), strict=True):
        clean.setenv(name, value)
    env = read_environment()
    assert env.home == Path("/home/someone/h")
    assert (env.config, env.port, env.debug) == (Path("/home/someone/c.yaml"), 81, True)


def test_empty_is_unset(clean: pytest.MonkeyPatch) -> None:
    for name in OURS:
        clean.setenv(name, "")
    assert read_environment().port is None
    assert read_environment().home == Path("/home/someone/.homeport")


def test_variables_are_a_snapshot_that_is_never_shown(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("SOME_KEY", "s3cret-value")
    clean.setenv("HOMEPORT_VARIABLES", '{"SOME_KEY": "other", "EXTRA": "x"}')
    env = read_environment()
    clean.setenv("SOME_KEY", "changed")
    assert env.variables["SOME_KEY"] == "s3cret-value"
    assert "EXTRA" not in env.variables
    assert "s3cret-value" not in repr(env) + str(env)


def test_wrong_variables_are_all_named(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("HOMEPORT_PORT", "http")
    clean.setenv("HOMEPORT_DEBUG", "perhaps")
    with pytest.raises(ConfigError) as caught:
        read_environment()
    assert caught.value.code == "environment_invalid"
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == ["HOMEPORT_PORT", "HOMEPORT_DEBUG"]


def test_the_first_file_of_four_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    env = environment(home)
    named = env.model_copy(update={"config": tmp_path / "named.yaml"})
    assert find_config(env, None) is None
    (home / "homeport.yaml").write_text("")
    assert find_config(env, None) == home / "homeport.yaml"
    (here / "homeport.yaml").write_text("")
    assert find_config(env, None) == Path("homeport.yaml")
    assert find_config(named, None) == tmp_path / "named.yaml"
    assert find_config(named, tmp_path / "explicit.yaml") == tmp_path / "explicit.yaml"


def test_a_home_that_cannot_be_looked_into_holds_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(environment(tmp_path / ("n" * 5000)), None) is None


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "homeport.yaml", environment(tmp_path))
    assert caught.value.code == "config_missing"
    assert "homeport init" in caught.value.hint


@pytest.mark.parametrize("name", [".", "a\0b", "n" * 5000])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name, environment(tmp_path))
    assert caught.value.code == "config_unreadable"


def test_the_file_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(BASE + "x: 1\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "other.yaml", environment(tmp_path))
    assert caught.value.message == "other.yaml:10:1 x: unknown key"
