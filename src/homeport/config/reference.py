"""docs/reference/configuration.md, from the schema.

`python -m homeport.config.reference` prints it.
"""

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from homeport.config.schema import Settings

_HEAD = """# Configuration: homeport.yaml

This page is generated from the schema (`python -m homeport.config.reference`).

Homeport reads the file given with `--config`, else `HOMEPORT_CONFIG`, else `./homeport.yaml`, else
`homeport.yaml` in `HOMEPORT_HOME`. Unknown keys are errors.

The file is plain YAML: no anchors and no tags, `true` and `false` for booleans. Any text value may hold:

| Form | Stands for |
|---|---|
| `${NAME}` | the environment variable; an error when it is not set |
| `${NAME:-default}` | the same, or `default` when it is unset or empty |
| `${file:/path}` | the content of a file, without the space around it |
| `$${` | a literal `${` |

Environment variables of Homeport itself:

| Variable | Default | Meaning |
|---|---|---|
| `HOMEPORT_HOME` | `~/.homeport` | folder for everything Homeport keeps |
| `HOMEPORT_CONFIG` | | configuration file |
| `HOMEPORT_PORT` | | wins over `server.port` |
| `HOMEPORT_DEBUG` | `false` | show tracebacks |
| `HOMEPORT_DATA` | `../shared/data` | recordings that `homeport bench` replays |
"""
_BOUNDS = (("ge", "from"), ("gt", "above"), ("le", "up to"), ("lt", "below"))
_SIMPLE_TYPES = {
    str: "text",
    bool: "`true` or `false`",
    float: "number",
    int: "whole number",
    Decimal: "exact number",
    date: "day",
    SecretStr: "secret text",
}


def markdown() -> str:
    """The reference page: a table for each section of the file."""
    return "\n".join([_HEAD, *_tables(Settings, "")])


def _tables(model: type[BaseModel], path: str) -> Iterator[str]:
    yield _table(model, path)
    for name, field in model.model_fields.items():
        section, suffix = _section_of(field.annotation)
        if section is not None:
            yield from _tables(section, f"{path}.{_key(name, field)}{suffix}".removeprefix("."))


def _table(model: type[BaseModel], path: str) -> str:
    rows = "".join(_row(_key(name, field), field) for name, field in model.model_fields.items())
    title = f"## `{path}`" if path else "## Top level"
    return f"{title}\n\n{_first_line(model)}\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n{rows}"


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").splitlines()[0]


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _row(key: str, field: FieldInfo) -> str:
    return f"| `{key}` | {_type(key, field)} | {_default(field)} | {field.description} |\n"


def _section_of(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The section that a field holds, and how its path goes on."""
    if _is_section(annotation):
        return annotation, ""
    section = next((argument for argument in get_args(annotation) if _is_section(argument)), None)
    return section, {Mapping: ".<name>", tuple: "[]"}.get(get_origin(annotation), "")


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _type(key: str, field: FieldInfo) -> str:
    # Money is an integer inside and dollars in the file.
    name = "US dollars" if "usd" in key.split("_") else _name(field.annotation)
    bounds = "".join(_bound(field, *wording) for wording in _BOUNDS)
    return f"{name}{bounds}"


def _bound(field: FieldInfo, constraint: str, wording: str) -> str:
    found = (getattr(metadata, constraint, None) for metadata in field.metadata)
    return next((f", {wording} {bound}" for bound in found if bound is not None), "")


def _name(annotation: Any) -> str:
    if get_origin(annotation) in {Union, UnionType}:
        return _name(get_args(annotation)[0])
    if hasattr(annotation, "__metadata__"):
        return _name(annotation.__origin__)
    return _SIMPLE_TYPES.get(annotation) or _compound_name(annotation)


def _compound_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list of {_name(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    return "mapping"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or isinstance(field.default, SecretStr):
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "" if field.default in (None, "", (), {}) else f"`{field.default}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
