"""A JSON value that is valid against a JSON schema, invented with seeded dice.

It knows what tools and structured output use: types, enum, const, bounds, formats, patterns, items, properties,
required, `$ref` inside the document, anyOf, oneOf and allOf. What contradicts itself gets a value all the same.
Source: JSON Schema draft 2020-12, https://json-schema.org/draft/2020-12.
"""

import math
import random
from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from homeport.providers.simulated.pattern import matching

_ENOUGH = 5
"""From this depth on only what is required is filled in, so that recursive schemas end."""
_DEEPEST = 40
_MOST_VALUES = 2000
"""A schema may be anybody's, and small ones can ask for much."""
_COMPOUND = frozenset({"$ref", "anyOf", "oneOf", "allOf", "properties", "items", "prefixItems"})
_WORDS = ("simulated", "notice", "party", "review", "contract", "term", "copy", "clause")
_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "P3D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uri": "https://example.com/simulated",
    "uri-reference": "/simulated",
    "uuid": "00000000-0000-4000-8000-000000000007",
}
_IMPLIED = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "minimum": "number",
    "maximum": "number",
    "multipleOf": "number",
}


def invent(schema: Any, seed: str) -> Any:
    """A value for `schema`, the same for the same seed; an object where the schema says nothing."""
    root = schema if isinstance(schema, Mapping) else {}
    return _Inventor(root, random.Random(seed)).value(root or {"type": "object"}, 0)  # noqa: S311  invented, no secret


class _Inventor:
    def __init__(self, root: Mapping[str, Any], dice: random.Random) -> None:
        self._root = root
        self._dice = dice
        self._left = _MOST_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth >= _DEEPEST:
            return None
        plain = self._resolved(schema, depth)
        if "const" in plain:
            return plain["const"]
        if (listed := plain.get("enum")) and isinstance(listed, list):
            return self._dice.choice(listed)
        kind = self._kind(plain, depth)
        if kind == "null":
            return None
        if kind == "boolean":
            return self._dice.random() < 0.5
        if kind in ("integer", "number"):
            return self._number(plain, whole=kind == "integer")
        if kind == "array":
            return self._array(plain, depth)
        return self._object(plain, depth) if kind == "object" else self._string(plain)

    def _resolved(self, schema: Any, depth: int) -> dict[str, Any]:
        """The schema without references and combinations: one alternative taken, all parts merged."""
        plain = dict(schema) if isinstance(schema, Mapping) else {}
        for _ in range(_DEEPEST):
            parts: list[Any] = []
            if isinstance(reference := plain.pop("$ref", None), str):
                parts.append(self._referred(reference))
            parts += _list(plain.pop("allOf", None))
            for word in ("anyOf", "oneOf"):
                if alternatives := _list(plain.pop(word, None)):
                    parts.append(self._alternative(alternatives, depth))
            if not parts:
                break
            for part in parts:
                plain = _merged(plain, part)
        return plain

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for word in reference.removeprefix("#").strip("/").split("/"):
            name = word.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if reference not in ("#", "#/") else self._root

    def _alternative(self, alternatives: list[Any], depth: int) -> Any:
        if depth < _ENOUGH:
            return self._dice.choice(alternatives)
        # The simplest one ends a recursion.
        return min(alternatives, key=lambda one: len(_COMPOUND & one.keys()) if isinstance(one, Mapping) else 0)

    def _kind(self, plain: Mapping[str, Any], depth: int) -> str:
        kind = plain.get("type")
        if isinstance(kind, list) and kind:
            return "null" if depth >= _ENOUGH and "null" in kind else str(self._dice.choice(kind))
        return kind if isinstance(kind, str) else next((_IMPLIED[word] for word in plain if word in _IMPLIED), "string")

    def _object(self, plain: Mapping[str, Any], depth: int) -> dict[str, Any]:
        known = plain.get("properties")
        properties = known if isinstance(known, Mapping) else {}
        others = plain.get("additionalProperties")
        required = dict.fromkeys(name for name in _list(plain.get("required")) if isinstance(name, str))
        optional = [name for name in properties if name not in required]
        chosen = {name for name in optional if depth < _ENOUGH and self._dice.random() < 0.7}
        names = [name for name in properties if name in required or name in chosen]
        names += [name for name in required if name not in properties]
        missing = max(0, min(_count(plain.get("minProperties")), _MOST_VALUES) - len(names))
        fillers = [name for name in optional if name not in chosen] + [f"simulated_{at}" for at in range(missing)]
        return {name: self.value(properties.get(name, others), depth + 1) for name in names + fillers[:missing]}

    def _array(self, plain: Mapping[str, Any], depth: int) -> list[Any]:
        low, high = _count(plain.get("minItems")), plain.get("maxItems")
        wanted = low if depth >= _ENOUGH else max(low, self._dice.randint(1, 3))
        length = min(wanted, high if isinstance(high, int) else wanted, _MOST_VALUES)
        heads = _list(plain.get("prefixItems"))
        made = [self.value(heads[at] if at < len(heads) else plain.get("items"), depth + 1) for at in range(length)]
        return self._distinct(made, plain.get("items"), depth) if plain.get("uniqueItems") else made

    def _distinct(self, made: list[Any], items: Any, depth: int) -> list[Any]:
        """As many different values, as far as more tries find them."""
        several = made + [self.value(items, depth + 1) for _ in range(min(20 * len(made), 200))]
        distinct = {msgspec.json.encode(value): value for value in several}
        return list(distinct.values())[: len(made)]

    def _string(self, plain: Mapping[str, Any]) -> str:
        if (form := plain.get("format")) in _FORMATS:
            return _FORMATS[str(form)]
        low, high = _count(plain.get("minLength")), plain.get("maxLength")
        top = high if isinstance(high, int) and high >= 0 else None
        if isinstance(pattern := plain.get("pattern"), str):
            return matching(pattern, self._dice, low, top)
        text = self._dice.choice(_WORDS)
        while len(text) < low:
            text += f" {self._dice.choice(_WORDS)}"
        return text[: low if low > len(_WORDS[0]) else top]

    def _number(self, plain: Mapping[str, Any], *, whole: bool) -> int | float:
        step = plain.get("multipleOf")
        unit: float = step if _is_number(step) and step > 0 else (1 if whole else 0.5)
        try:
            low, high = self._bounds(plain, unit)
            first = math.ceil(low / unit)
            value = unit * self._dice.randint(first, max(first, math.floor(high / unit)))
        except OverflowError:  # a bound beyond what a float can hold
            return 0
        if not whole and not low <= value <= high:
            value = (low + high) / 2
        return int(value) if whole or value == int(value) else value

    def _bounds(self, plain: Mapping[str, Any], unit: float) -> tuple[float, float]:
        """The least and the greatest value allowed; narrow where only one of them is given."""
        lows = [plain["minimum"]] if _is_number(plain.get("minimum")) else []
        highs = [plain["maximum"]] if _is_number(plain.get("maximum")) else []
        tiny = unit if isinstance(unit, int) else unit / 1024
        if _is_number(plain.get("exclusiveMinimum")):
            lows.append(plain["exclusiveMinimum"] + tiny)
        if _is_number(plain.get("exclusiveMaximum")):
            highs.append(plain["exclusiveMaximum"] - tiny)
        low = max(lows, default=min([1, *highs]))
        return low, min(highs, default=low + max(20, 20 * unit))


def _merged(left: dict[str, Any], right: Any) -> dict[str, Any]:
    """Both schemas at once, as far as a value for both is easily found."""
    if not isinstance(right, Mapping):
        return left
    merged = {**left, **right}
    for word in ("properties", "$defs"):
        if isinstance(left.get(word), Mapping) and isinstance(right.get(word), Mapping):
            merged[word] = {**left[word], **right[word]}
    if left.get("required") and right.get("required"):
        merged["required"] = [*_list(left["required"]), *_list(right["required"])]
    for word, pick in (("minimum", max), ("maximum", min), ("minLength", max), ("maxLength", min)):
        if _is_number(left.get(word)) and _is_number(right.get(word)):
            merged[word] = pick(left[word], right[word])
    return merged


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value <= 100_000 else 0


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
