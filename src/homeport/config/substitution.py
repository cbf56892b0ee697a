"""`${NAME}`, `${NAME:-default}` and `${file:/path}` inside text; `$${` stands for a literal `${`.

It happens after the YAML is parsed and the result is not read again, so a value can inject neither
YAML nor another substitution.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from homeport.core.errors import ConfigError

MAX_SECRET_BYTES = 65_536

_PLACEHOLDER = re.compile(
    r"\$\$\{"
    r"|\$\{file:(?P<file>[^}]*)\}"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
    r"|\$\{"
)


class Substituted(NamedTuple):
    """Text after substitution.

    Attributes:
        variables: names of the environment variables it asked for, set or not.
        secrets: what came from the environment and from files; never to be shown.
    """

    text: str
    variables: tuple[str, ...]
    secrets: tuple[str, ...]


def substitute(text: str, variables: Mapping[str, str]) -> Substituted:
    """Replace every placeholder in `text`.

    Raises:
        ConfigError: a variable is unset and has no default, a file cannot be read, or the form is wrong.
    """
    parts: list[str] = []
    names: list[str] = []
    secrets: list[str] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        value, secret = _replace(match, variables)
        parts += [text[end : match.start()], value]
        end = match.end()
        if match["name"]:
            names.append(match["name"])
        if secret:
            secrets.append(value)
    return Substituted("".join([*parts, text[end:]]), tuple(names), tuple(secrets))


def _replace(match: re.Match[str], variables: Mapping[str, str]) -> tuple[str, bool]:
    if match[0] == "$${":
        return "${", False
    if match["file"] is not None:
        return _read_secret(Path(match["file"])), True
    if match["name"] is None:
        raise ConfigError(
            "holds a ${ that is none of ${NAME}, ${NAME:-default} and ${file:/path}", hint="write $${ for a literal ${"
        )
    return _read_variable(match["name"], match["default"], variables)


def _read_variable(name: str, default: str | None, variables: Mapping[str, str]) -> tuple[str, bool]:
    value = variables.get(name)
    if default is not None and not value:  # as in a shell, :- also covers a variable that is set but empty
        return default, False
    if value is None:
        raise ConfigError(f"the environment variable {name} is not set", hint=f"export {name}=...")
    return value, True


def _read_secret(path: Path) -> str:
    if not path.is_absolute():
        raise ConfigError("a ${file:...} needs an absolute path", hint="write ${file:/full/path}")
    try:
        # Only a regular file: reading a pipe or a terminal would wait for ever.
        data = _read_bounded(path) if path.is_file() else None
    except OSError as error:
        raise ConfigError(f"the file {path} cannot be read: {error.strerror}", hint=f"let us read {path}") from None
    if data is None:
        raise ConfigError(f"there is no file {path}", hint=f"write the secret to {path}")
    return _decode_secret(path, data)


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_SECRET_BYTES + 1)


def _decode_secret(path: Path, data: bytes) -> str:
    if len(data) > MAX_SECRET_BYTES:
        raise ConfigError(f"the file {path} is larger than {MAX_SECRET_BYTES} bytes", hint="name the right file")
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        # The cause is dropped on purpose: it carries the bytes of the secret.
        raise ConfigError(f"the file {path} is not UTF-8 text", hint="name the right file") from None
