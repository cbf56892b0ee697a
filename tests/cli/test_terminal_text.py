"""What somebody else wrote moves nothing in a terminal: answers, errors, names, JSON."""

import io
import sys
import unicodedata
from pathlib import Path

import msgspec
import pytest

from homeport.cli import chat, main
from homeport.cli.context import Context
from homeport.core.errors import HomeportError
from homeport.core.people import Role
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.users import StoredUser, add_user
from tests.cli.terminal import Terminal

HOSTILE = "a\x1b]52;c;cm0=\x07b\x9b2Jc\u202ed\u200be\x7f[/]\r\u2028"


class Screen(io.StringIO):
    """Standard output that is a terminal, or a file."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def hidden(text: str) -> set[str]:
    return {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")} - {"\n"}


def test_an_answer_on_a_terminal_is_text_and_in_a_file_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (True, False):
        screen = Screen(terminal)
        monkeypatch.setattr(sys, "stdout", screen)
        chat._show(HOSTILE)
        assert hidden(screen.getvalue()) == (set() if terminal else hidden(HOSTILE))


def test_json_is_the_same_and_shows_nothing_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    Context().print_json({HOSTILE: [HOSTILE]})
    said = capsys.readouterr().out
    assert hidden(said) == set()
    assert msgspec.json.decode(said) == {HOSTILE: [HOSTILE]}


def test_an_error_quotes_nothing_that_a_terminal_acts_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main._tell(Context(), HomeportError(HOSTILE, code=HOSTILE[:1], hint=HOSTILE), 1)
    said = capsys.readouterr().err
    assert hidden(said) == set()
    assert "[/]" in said


def test_whom_a_provider_names_is_text(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    terminal.run("users", "list")
    engine = open_database(sqlite_url(terminal.home / "homeport.db"))
    user = StoredUser(name="ada", role=Role.VIEWER, password="", created_at=1, issuer=f"https://id.example#{HOSTILE}")
    assert add_user(engine, user, lambda *_: None)
    engine.dispose()
    for said in (terminal.run("users", "list"), terminal.run("users", "list", "--json")):
        assert hidden(said) == set()
