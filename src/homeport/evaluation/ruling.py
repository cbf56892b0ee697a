"""The process that rules on regular expressions and JSON schemas; `referee` starts it, and ends it where it takes long.

It reads one question a line on standard input, and says one ruling a line, until its input ends.
"""

import re
import resource
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import msgspec
import referencing.exceptions

from homeport.evaluation.checks import READY, Asked, Ruling

_MEMORY_BYTES = 1 << 30
_MAX_LINE = 64 << 20
_SCHEMAS = 32
"""That are kept ready: answers are often asked for by the same one, and to check it takes longer than the answer."""


def rule(asked: Asked) -> Ruling:
    """The ruling on one question, however long it takes."""
    if asked.schema is not None:
        return _follows(asked.schema, asked.value)
    try:
        found = re.search(asked.pattern, asked.text, re.IGNORECASE if asked.ignore_case else re.NOFLAG)
    except (re.error, OverflowError, RecursionError):
        return Ruling(False, "the pattern is no regular expression", broken=True)
    return Ruling(True) if found else Ruling(False, "the pattern is not found in it")


def _follows(schema: Mapping[str, Any], value: Any) -> Ruling:
    try:
        error = next(_validator(msgspec.json.encode(schema)).iter_errors(value), None)
    except (jsonschema.SchemaError, re.error, RecursionError):
        return Ruling(False, "the schema is no JSON schema", broken=True)
    except referencing.exceptions.Unresolvable:
        return Ruling(False, "the schema names what is not in it", broken=True)
    if error is None:
        return Ruling(True)
    # The names in the path are the answer's, and what they hold goes to a terminal.
    return Ruling(False, f"it does not follow the schema: {error.validator} at {ascii(error.json_path)[1:-1]}"[:200])


@lru_cache(maxsize=_SCHEMAS)
def _validator(schema: bytes) -> Any:
    """What checks values against a schema. Raises as `check_schema` does."""
    kind, read = jsonschema.Draft202012Validator, msgspec.json.decode(schema)
    kind.check_schema(read)
    # A registry of our own: the default one fetches what a `$ref` names.
    return kind(read, registry=referencing.Registry())


def _ruling(line: bytes) -> Ruling:
    try:
        return rule(msgspec.json.decode(line, type=Asked))
    except RecursionError:
        return Ruling(False, "it is nested too deep")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    answers = sys.stdout.buffer
    answers.write(READY)
    answers.flush()
    while line := sys.stdin.buffer.readline(_MAX_LINE):
        answers.write(msgspec.json.encode(_ruling(line)) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
