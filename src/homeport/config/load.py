"""homeport.yaml and the environment into `Settings`. Nothing else in the program reads the environment."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from homeport.config.checks import check
from homeport.config.document import MAX_BYTES, Document, read
from homeport.config.issues import Issue, KeyPath, Place, refuse, suggest
from homeport.config.schema import Settings
from homeport.config.telemetry import from_variables
from homeport.core.errors import ConfigError

FILE_NAME = "homeport.yaml"

_MAX_SCHEMA_ERRORS = 100
_WORDING = {
    "missing": "is required",
    "string_type": "should be text; put it in quotes",
    "dict_type": "should be keys with values",
    "model_type": "should be keys with values",
    "tuple_type": "should be a list",
    "string_too_short": "is empty",
}


class Environment(BaseSettings):
    """The process environment as it was when the program started.

    Attributes:
        home: HOMEPORT_HOME, the folder for everything Homeport keeps; default ~/.homeport.
        config: HOMEPORT_CONFIG, the configuration file.
        port: HOMEPORT_PORT, wins over server.port.
        debug: HOMEPORT_DEBUG, show tracebacks.
        data: HOMEPORT_DATA, where recordings are that benchmarks replay.
        variables: all variables, for `${NAME}`; may hold secrets, so never shown.
    """

    model_config = SettingsConfigDict(
        env_prefix="HOMEPORT_", frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path("~/.homeport"), validate_default=True)
    config: Path | None = None
    port: int | None = Field(default=None, ge=1, le=65_535)
    debug: bool = False
    data: Path | None = None
    # NoDecode and always passing it keep a variable called HOMEPORT_VARIABLES out.
    variables: Annotated[Mapping[str, str], NoDecode] = Field(repr=False)

    @property
    def docker_config(self) -> Path:
        """Where docker keeps the credentials of registries; DOCKER_CONFIG names another folder."""
        folder = self.variables.get("DOCKER_CONFIG") or f"{self.variables.get('HOME', '/nonexistent')}/.docker"
        return Path(folder) / "config.json"

    @field_validator("home", "config", "data")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        try:
            return path and path.expanduser()
        except RuntimeError as error:
            raise ValueError("needs a home folder, and this user has none") from error


def read_environment() -> Environment:
    """Read the process environment, once.

    Raises:
        ConfigError: with code environment_invalid, a HOMEPORT_ variable is wrong.
    """
    try:
        return Environment(variables=dict(os.environ))
    except ValidationError as error:
        wrong = [f"HOMEPORT_{str(item['loc'][0]).upper()}: {_word(item)}" for item in error.errors()]
    raise ConfigError("\n".join(wrong), code="environment_invalid", hint="change or unset the variables named")


def find_config(env: Environment, explicit: Path | None) -> Path | None:
    """The file to load: `explicit`, HOMEPORT_CONFIG, ./homeport.yaml, then $HOMEPORT_HOME/homeport.yaml.

    One that was named is returned even if it does not exist, so that loading it says so.
    """
    named = explicit or env.config
    if named is not None:
        return named
    return next((path for path in (Path(FILE_NAME), env.home / FILE_NAME) if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def load(path: Path, env: Environment) -> Settings:
    """Read a configuration file.

    Raises:
        ConfigError: one line for each thing to mend, "file:line:column path: what". Codes: config_missing
            and config_unreadable (no such file, not allowed), config_syntax (not plain YAML),
            config_invalid (everything else).
    """
    document = read(_read_bytes(path), path.name, env.variables)
    data = _fill_empty_sections(document.data)
    settings, wrong = _validate(data, document)
    issues = [*document.issues, *wrong, *_check(data, document)]
    if issues or settings is None:
        raise refuse(document.name, _first_of_each_path(issues), secrets=document.secrets)
    return _override_port(_fill_telemetry(settings, env), env)


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no configuration file {path}", code="config_missing", hint="`homeport init` writes one"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name holds a NUL"
        raise ConfigError(
            f"the configuration file {path} cannot be read: {reason}",
            code="config_unreadable",
            hint="check its permissions, and that it is a file",
        ) from error


def _fill_empty_sections(data: object) -> dict[str, object]:
    # A section whose lines are all commented out is null in YAML, and means the same as leaving it out.
    return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else {}


def _validate(data: Mapping[str, object], document: Document) -> tuple[Settings | None, list[Issue]]:
    variables = {path[1]: names for path, names in document.variables.items() if _is_provider_key(path)}
    try:
        return Settings.model_validate(data, context={"key_variables": variables}), []
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
    details.sort(key=lambda item: _place_of(item, document))
    return None, [_issue(item, document) for item in details[:_MAX_SCHEMA_ERRORS]]


def _is_provider_key(path: KeyPath) -> bool:
    return len(path) == 3 and path[0] == "providers" and path[2] == "api_key"


def _is_unknown_key(item: ErrorDetails) -> bool:
    return item["type"] == "extra_forbidden"


def _place_of(item: ErrorDetails, document: Document) -> Place:
    return document.place(item["loc"], of_key=_is_unknown_key(item))


def _issue(item: ErrorDetails, document: Document) -> Issue:
    path = item["loc"]
    message = f"unknown key{suggest(str(path[-1]), _keys_at(path[:-1]))}" if _is_unknown_key(item) else _word(item)
    return Issue(_place_of(item, document), path, message)


def _word(item: ErrorDetails) -> str:
    message = _WORDING.get(item["type"], item["msg"]).removeprefix("Value error, ")
    return message.replace("Input should", "should", 1)


def _keys_at(path: KeyPath) -> list[str]:
    """The keys that the schema knows at `path`."""
    kind: Any = Settings
    for part in path:
        if _is_section(kind):
            kind = next(field.annotation for name, field in kind.model_fields.items() if part in {name, field.alias})
            if get_origin(kind) is UnionType:
                kind = get_args(kind)[0]
        else:
            kind = next(argument for argument in get_args(kind) if _is_section(argument))
    return [field.alias or name for name, field in kind.model_fields.items()]


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _check(data: Mapping[str, object], document: Document) -> Iterator[Issue]:
    for path, message, at_key in check(data):
        yield Issue(document.place(path, of_key=at_key), path, message)


def _first_of_each_path(issues: list[Issue]) -> list[Issue]:
    # Where a value could not be read, what the schema says of the gap is only an echo.
    first: dict[tuple[Place, KeyPath], Issue] = {}
    for issue in issues:
        first.setdefault((issue.place, issue.path), issue)
    return list(first.values())


def _fill_telemetry(settings: Settings, env: Environment) -> Settings:
    filled = from_variables(settings.telemetry, env.variables)
    return settings if filled is settings.telemetry else settings.model_copy(update={"telemetry": filled})


def _override_port(settings: Settings, env: Environment) -> Settings:
    if env.port is None:
        return settings
    return settings.model_copy(update={"server": settings.server.model_copy(update={"port": env.port})})
