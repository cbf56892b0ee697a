"""`homeport check` says what keeps a gateway with a cache from starting."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("", "off"),
        ("cache: {exact: true, embedder: minilm}\n", "the very same requests"),
        ("cache: {semantic: strict}\n", "by meaning with wordllama"),
    ],
)
def test_what_is_cached(terminal: Terminal, section: str, told: str) -> None:
    terminal.configure(section)
    assert told in found(terminal)["message"]


def test_an_embedder_that_is_not_set_up(terminal: Terminal) -> None:
    terminal.configure("cache: {semantic: strict, embedder: minilm}\n")
    finding = found(terminal)
    assert finding["level"] == "error"
    assert "make minilm" in finding["mend"]
    assert terminal.ask("check").exit_code == 1


def found(terminal: Terminal) -> dict[str, str]:
    (finding,) = (one for one in terminal.ask("check", "--json").json if one["subject"] == "cache")
    return dict(finding)
