"""YAML text into plain values, remembering where each one was written.

A subset of YAML: no anchors, no tags, one document, bounded size. Booleans are true and false,
numbers are decimal: of what YAML 1.1 also takes for one, nothing is guessed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from homeport.config.issues import Issue, KeyPath, Place, refuse
from homeport.config.substitution import substitute
from homeport.core.errors import ConfigError

MAX_BYTES = 1_048_576
MAX_DEPTH = 50
MAX_VALUES = 20_000

_SYNTAX = "config_syntax"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_MONEY = re.compile(r"(^|_)usd(_|$)|^per_|_per_mtok$")
"""Keys of amounts, which keep the text that was written."""
_MAX_DIGITS = 30
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """A file as plain values.

    Attributes:
        data: what the file says, after substitution.
        places: path -> (where its key is, where its value starts).
        issues: what was wrong so far.
        variables: path -> environment variables that its text asked for.
        secrets: values from the environment and from files.
    """

    name: str
    data: object = None
    places: dict[KeyPath, tuple[Place, Place]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    variables: dict[KeyPath, tuple[str, ...]] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set, repr=False)

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Where `path` is written; for what is not in the file, where its nearest parent is."""
        while path not in self.places and path:
            path, of_key = path[:-1], False
        key, value = self.places.get(path, (Place(1, 1), Place(1, 1)))
        return key if of_key else value


def read(data: bytes, name: str, variables: Mapping[str, str]) -> Document:
    """Parse a file and substitute `${...}` in its text values.

    Raises:
        ConfigError: with code config_syntax, the bytes are not one bounded document of plain YAML.
            What else is wrong is kept in `issues`, so that all of it can be told at once.
    """
    node = _compose(_decode(data, name), name)
    return _Reading(name, variables).document(node)


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise _stop(name, Place(1, 1), f"the file is larger than {MAX_BYTES} bytes")
    if b"\0" in data:
        raise _stop(name, _place_of_byte(data, data.index(b"\0")), "a NUL byte: this is not a text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_of_byte(data, error.start)
    raise _stop(name, place, "the file is not UTF-8 text from here on")


def _place_of_byte(data: bytes, offset: int) -> Place:
    start = data.rfind(b"\n", 0, offset) + 1
    return Place(data.count(b"\n", 0, offset) + 1, len(data[start:offset].decode("utf-8-sig", "replace")) + 1)


def _stop(name: str, place: Place, message: str, hint: str = "") -> ConfigError:
    return refuse(name, [Issue(place, (), message, hint)], code=_SYNTAX)


class _Loader(yaml.SafeLoader):
    """Composes nodes and refuses what could grow, nest or construct without bound."""

    depth = 0
    values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it out
        self._check(event)
        self.depth += 1
        self.values += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _check(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._refuse(event, "anchors (&) and aliases (*) are not supported: write the value out")
        if getattr(event, "tag", None) is not None:
            self._refuse(event, "tags (!) are not supported: write the plain value, or quote it")
        if self.depth >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.values >= MAX_VALUES:
            self._refuse(event, f"more than {MAX_VALUES} values")

    def _refuse(self, event: yaml.Event, problem: str) -> None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type] # the stubs mix two marks


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark is not None else Place(1, 1)
        message = error.problem or "this is not YAML"
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        message = "a control character: this is not a text file"
    except (ValueError, OverflowError):
        # PyYAML lets chr() and int() fail on escapes such as "\UFFFFFFFF" and on huge version numbers.
        place, message = _place(loader.get_mark()), "an escape or a number that YAML does not know"
    raise _stop(name, place, message, "indent with spaces, not tabs" if "'\\t'" in message else "")


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Reading:
    """Turns nodes into values and notes places, issues and secrets on the way."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self._found = Document(name)
        self._variables = variables

    def document(self, node: yaml.Node | None) -> Document:
        if not isinstance(node, yaml.MappingNode):
            what = "the file is empty" if node is None else "the top level should be keys with values"
            place = Place(1, 1) if node is None else _place(node.start_mark)
            hint = "`homeport init` writes a file to start from"
            raise refuse(self._found.name, [Issue(place, (), what, hint)])
        place = _place(node.start_mark)
        self._found.places[()] = (place, place)
        data = self._mapping(node, ())
        found = self._found
        return Document(found.name, data, found.places, found.issues, found.variables, found.secrets)

    def _note(self, node: yaml.Node, path: KeyPath, message: str, hint: str = "") -> None:
        self._found.issues.append(Issue(_place(node.start_mark), path, message, hint))

    def _value(self, node: yaml.Node, path: KeyPath) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: yaml.Node, path: KeyPath) -> object:
        place = _place(node.start_mark)
        self._found.places[path] = (place, place)
        return self._value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path, values)
            if key is not None:
                place = (_place(key_node.start_mark), _place(value_node.start_mark))
                self._found.places[*path, key] = place
                values[key] = self._value(value_node, (*path, key))
        return values

    def _key(self, node: yaml.Node, path: KeyPath, seen: Mapping[str, object]) -> str | None:
        """The key as it is written, so that `on:` and `5:` are text; None where it cannot be one."""
        if not isinstance(node, yaml.ScalarNode) or not _is_text(node.value):
            self._note(node, path, "a key should be text")
            return None
        key: str = node.value
        if key in seen:
            first = self._found.places[*path, key][0].line
            self._note(node, (*path, key), f"duplicate key; it is already on line {first}")
            return None
        return key

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        kind = str(node.tag).removeprefix(_TAG)
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return self._boolean(node, path)
        if kind not in {"int", "float"}:
            return self._text(node, path)
        # Money keeps its literal text: a float would not be exact.
        return text if _MONEY.search(str(path[-1])) else self._number(node, path)

    def _boolean(self, node: yaml.Node, path: KeyPath) -> bool | None:
        word = node.value.lower()
        if word not in {"true", "false"}:
            self._note(
                node, path, f"{word} can be read two ways", f'write true or false, or "{word}" in quotes for text'
            )
            return None
        return bool(word == "true")

    def _number(self, node: yaml.Node, path: KeyPath) -> int | float | None:
        text: str = node.value
        value = _parse_number(text) if len(text) <= _MAX_DIGITS else None
        if value is None:
            self._note(node, path, "should be a plain decimal number", "put it in quotes if it is text")
        return value

    def _text(self, node: yaml.Node, path: KeyPath) -> str:
        try:
            result = substitute(node.value, self._variables)
        except ConfigError as error:
            self._note(node, path, error.message, error.hint)
            return ""
        self._found.secrets.update(result.secrets)
        if result.variables:
            self._found.variables[path] = result.variables
        if not _is_text(result.text):
            self._note(node, path, "holds bytes that are not text")
            return ""
        return result.text


def _parse_number(text: str) -> int | float | None:
    try:
        value = int(text) if _INTEGER.fullmatch(text) else float(text)
    except ValueError:
        return None
    # Without a point it is octal, hexadecimal or base 60 in YAML 1.1: too surprising to accept.
    return value if isinstance(value, int) or ("." in text and math.isfinite(value)) else None


def _is_text(text: str) -> bool:
    # Lone surrogates come from YAML escapes and from environment variables that are not UTF-8.
    return not any("\ud800" <= char <= "\udfff" for char in text)
