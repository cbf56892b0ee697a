"""Invented values are valid against their schema, whatever it is; jsonschema is the judge."""

import random
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.providers.simulated.pattern import matching
from homeport.providers.simulated.schema import invent

SCALARS = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda kind, low, span, step: {"type": kind, "minimum": low, "maximum": low + span, **step},
        st.sampled_from(["integer", "number"]),
        st.integers(-1000, 1000),
        st.integers(30, 5000),
        st.sampled_from([{}, {"multipleOf": 5}, {"exclusiveMinimum": 3000, "maximum": 3100, "minimum": 0}]),
    ),
    st.builds(
        lambda low, span: {"type": "string", "minLength": low, "maxLength": low + span},
        st.integers(0, 60),
        st.integers(0, 9),
    ),
    st.builds(lambda name: {"type": "string", "format": name}, st.sampled_from(["date", "email", "ipv4", "uri"])),
    st.builds(lambda values: {"enum": values}, st.lists(st.text() | st.integers(), min_size=1)),
    st.builds(lambda value: {"const": value}, st.text() | st.none() | st.floats(allow_nan=False)),
    st.just({"type": ["string", "null"]}),
    st.just({"type": "integer"}),
    st.just({"type": "number", "exclusiveMaximum": 0}),
    st.just({}),
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.dictionaries(st.text(max_size=5), inner, max_size=4)
    return names.flatmap(
        lambda properties: st.builds(
            lambda required, closed: {
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": closed,
            },
            st.lists(st.sampled_from(sorted(properties)), unique=True) if properties else st.just([]),
            st.booleans(),
        )
    )


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: (
        objects(inner)
        | st.builds(
            lambda items, low, span: {"type": "array", "items": items, "minItems": low, "maxItems": low + span},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        )
        | st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda one: {"allOf": [one, {"description": "merged"}]}, inner)
        | st.builds(lambda one: {"$defs": {"a/b": one}, "allOf": [{"description": "x"}, one]}, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(SCHEMAS, st.text(max_size=5))
def test_values_are_valid(schema: dict[str, Any], seed: str) -> None:
    value = invent(schema or {"type": "object"}, seed)
    jsonschema.validate(value, schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    assert value == invent(schema or {"type": "object"}, seed)


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "additionalProperties": False},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "maxItems": 3, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
        {"type": "object", "minProperties": 3, "properties": {"a": {"type": "string"}}},
        {"type": "string", "pattern": r"^[A-Z]{2}\d{4}(-\w+)?$"},
        {"properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        {"type": "integer", "minimum": 5, "maximum": 5},
        {"type": "number", "minimum": 0.1, "maximum": 0.2},
        {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 4}]},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    ],
)
@pytest.mark.parametrize("seed", ["a", "b", "c", "d"])
def test_schemas_as_people_write_them(schema: dict[str, Any], seed: str) -> None:
    jsonschema.validate(invent(schema, seed), schema)


HOSTILE: list[Any] = [
    None,
    7,
    [],
    {"type": 7},
    {"type": []},
    {"enum": []},
    {"$ref": "#/nowhere"},
    {"$ref": 7},
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}]},
    {"anyOf": {}},
    {"properties": 7, "type": "object", "required": 7},
    {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
    {"type": "array", "minItems": 99_999, "items": {"type": "array", "minItems": 99_999, "items": {}}},
    {"type": "integer", "minimum": 10**400},
    {"type": "number", "minimum": 1e308, "multipleOf": 1e-308},
    {"type": "integer", "minimum": 5, "maximum": 1},
    {"type": "integer", "multipleOf": 0},
    {"type": "string", "minLength": 10**9},
    {"type": "string", "minLength": 5, "maxLength": 1},
    {"type": "string", "pattern": "("},
    {"type": "string", "pattern": 7},
    {"type": "string", "pattern": "(a+)+$"},
    {"type": "string", "pattern": "((a{1000}){1000}){1000}"},
    {"type": "string", "pattern": "((()){1000}){60000}"},
    {"type": "string", "pattern": "(a)" + "".join(rf"(\{at}\{at})" for at in range(1, 90))},
    {"type": "string", "pattern": "(" * 3000 + ")" * 3000},
]


@pytest.mark.parametrize("schema", HOSTILE, ids=lambda schema: str(schema)[:40])
def test_no_schema_takes_forever(schema: Any) -> None:
    invent(schema, "seed")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{3}-\d{4}$",
        r"^(a|bc)+\s[^x]$",
        r"^[\w.]+@[a-z]+\.(com|org)$",
        r"abc",
        r"^(\w)\1\1$",
        r"^.{2,}?[^abc\d]$",
        r"^a*+b$",
        r"^[^a]\D\W\S$",
    ],
)
def test_texts_match_their_pattern(pattern: str) -> None:
    for seed in range(30):
        assert re.search(pattern, matching(pattern, random.Random(seed)))


def test_texts_have_the_length_asked_for() -> None:
    for seed in range(30):
        assert 2 <= len(matching(r"^\w+$", random.Random(seed), 2, 4)) <= 4
