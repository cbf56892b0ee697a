"""Prompt templates: a text with `{{ names }}` that a case fills, so that versions of a prompt can be compared.

A line `[system]`, `[user]` or `[assistant]` begins a turn; a text without one is a turn of the user. Names are the
variables of a case, and `question`: what the case asks. There is no logic, and what is filled in is not looked at
again. A template without a turn of the user only changes the system prompt: the case's own messages follow it.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import MOST_TOKENS, DatasetCase

MAX_TEMPLATE_BYTES = 256 << 10
_TURN = re.compile(r"^\[(system|user|assistant)\][ \t\r]*$", re.MULTILINE)
_NAME = re.compile(r"\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*)[ \t]*\}\}")
_QUESTION = "question"
_USER, _SYSTEM = "user", "system"


class Turn(msgspec.Struct, frozen=True):
    """One message, to be filled."""

    role: str
    text: str


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a prompt.

    Attributes:
        name: the file's, without its ending.
        digest: sha256 of its text.
    """

    name: str
    digest: str
    turns: tuple[Turn, ...]

    def ask(self, case: DatasetCase, most_tokens: int = MOST_TOKENS) -> Question:
        """The question of a case by this template.

        Raises:
            ConfigError: prompt_invalid, the case lacks a variable.
        """
        known = {_QUESTION: case.asked, **case.variables}
        filled = tuple({"role": turn.role, "content": self._filled(turn.text, known, case.id)} for turn in self.turns)
        messages = filled if self._asks else (*filled, *self._own(case))
        return Question(messages=messages, max_tokens=case.longest(most_tokens))

    @property
    def _asks(self) -> bool:
        return any(turn.role == _USER for turn in self.turns)

    def _own(self, case: DatasetCase) -> tuple[Mapping[str, str], ...]:
        """The case's messages without its system prompt; a text becomes a message of the user."""
        chat = case.chat() or ({"role": _USER, "content": case.asked},)
        return tuple(message for message in chat if message["role"] != _SYSTEM)

    def _filled(self, text: str, known: Mapping[str, str], case: str) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] not in known:
                raise _invalid(self.name, f"the case {case!r} has no variable {found[1]!r}")
            return known[found[1]]

        return _NAME.sub(value, text)


def read_template(path: Path) -> Template:
    """Read a file.

    Raises:
        ConfigError: prompt_invalid.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEMPLATE_BYTES + 1)
    except OSError as error:
        raise _invalid(str(path), f"it cannot be read: {error.strerror}") from error
    return parse_template(data, path.stem)


def parse_template(data: bytes, name: str) -> Template:
    """The template of a text.

    Raises:
        ConfigError: prompt_invalid.
    """
    if len(data) > MAX_TEMPLATE_BYTES:
        raise _invalid(name, f"it is larger than {MAX_TEMPLATE_BYTES >> 10} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid(name, "it is no UTF-8") from None
    before, *parts = _TURN.split(text)
    turns = [Turn(role, body.strip()) for role, body in zip(parts[::2], parts[1::2], strict=True)]
    if before.strip():
        turns.insert(0, Turn(_USER, before.strip()))
        if len(turns) > 1:
            raise _invalid(name, "a text stands before the first line [system], [user] or [assistant]")
    if not turns or not all(turn.text for turn in turns):
        raise _invalid(name, "it is empty, or one of its turns is")
    return Template(name=name, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", turns=tuple(turns))


def _invalid(name: str, what: str) -> ConfigError:
    return ConfigError(
        f"the prompt template {ascii(name)[:100]} cannot be used: {what}"[:400],
        code="prompt_invalid",
        hint="a text with {{ names }} of the cases' `variables`, or {{ question }}",
    )
