"""What must hold for any file: only ConfigError, every line with a place, never a secret."""

import re
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from homeport.config.default import default_yaml
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText

LINE = re.compile(r"homeport\.yaml(:\d+:\d+| and|: and)")
KEYS = [
    *Settings.model_fields,
    "name",
    "targets",
    "model",
    "engine",
    "provider",
    "api_key",
    "url",
    "hourly_cost_usd",
    "port",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
WORDS = st.sampled_from(["t", "m", "e", "p", "auto", "${A}", "${NO}", "x y", "simulated", "external", "\x1b[2J"])
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
WRONG_TYPES: list[object] = [None, True, 7, 0.5, "x", [], ["x"], [[]], {}, {"x": 1}, [{"x": []}]]
SECRETS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40).map(
    lambda text: f"S3{text}"
)


def outcome(load_text: LoadText, text: str | bytes, variables: Mapping[str, str] | None = None) -> str:
    """Everything that may be shown of a load: the settings, or the error and its hint."""
    try:
        return repr(load_text(text, variables))
    except ConfigError as caught:
        error = caught
    assert error.code in {"config_invalid", "config_syntax"}
    assert all(LINE.match(line) for line in error.message.splitlines())
    assert all(line.isprintable() for line in error.message.splitlines())
    return f"{error} {error!r} {error.hint} {error.__cause__!r} {error.__context__!r}"


@run(deadline=None)
@given(data=st.binary(max_size=200))
def test_random_bytes(load_text: LoadText, data: bytes) -> None:
    assert outcome(load_text, data)


@run(deadline=None)
@given(text=st.text(alphabet="{}[]:,-#&*!|>'\"%@`?\\\n\t ~aU0.xu<=$", max_size=60))
def test_random_punctuation(load_text: LoadText, text: str) -> None:
    assert outcome(load_text, text)


@run(deadline=None)
@given(data=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_random_yaml(load_text: LoadText, data: dict[str, Any]) -> None:
    assert outcome(load_text, yaml.safe_dump(data), {"A": "one"})


@run(deadline=None)
@given(data=st.data())
def test_a_good_file_with_one_part_replaced(load_text: LoadText, data: st.DataObject) -> None:
    lines = default_yaml().splitlines()
    row = data.draw(st.integers(0, len(lines) - 1))
    replacement = data.draw(
        st.text(max_size=20) | VALUES.map(lambda value: yaml.safe_dump(value, default_flow_style=True))
    )
    cut = data.draw(st.integers(0, len(lines[row])))
    lines[row] = lines[row][:cut] + replacement
    assert outcome(load_text, "\n".join(lines))


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


@pytest.mark.parametrize("place", list(places(yaml.safe_load(default_yaml()))), ids=str)
def test_a_good_file_with_one_value_of_another_type(load_text: LoadText, place: tuple[str | int, ...]) -> None:
    for wrong in WRONG_TYPES:
        holder: Any = {"": yaml.safe_load(default_yaml())}
        *way, last = ("", *place)
        data = reduce(getitem, way, holder)
        data[last] = wrong
        assert outcome(load_text, yaml.safe_dump(holder[""]))


@run(deadline=None)
@given(
    secret=SECRETS,
    row=st.integers(0, 20),
    place=st.sampled_from(["key", "model", "url", "name", "alias", "port", "option"]),
)
def test_a_substituted_secret_is_never_shown(load_text: LoadText, secret: str, row: int, place: str) -> None:
    text = {
        "key": BASE.replace("provider: simulated", "provider: simulated, api_key: '${SECRET}'"),
        "model": BASE.replace("model: m", "model: 'm ${SECRET} ${SECRET}'"),
        "url": BASE.replace("http://127.0.0.1:1/v1", "'ftp://${SECRET}/v1'"),
        "name": BASE.replace("engine: e}", "engine: '${SECRET}'}"),
        "alias": BASE + "aliases: {a: '${SECRET}'}\n",
        "port": BASE + "server: {port: '${SECRET}'}\n",
        "option": BASE.replace("provider: simulated", "provider: simulated, options: {token: '${SECRET}'}"),
    }[place]
    # One more mistake on some line, so that the file is refused in many ways.
    lines = text.splitlines()
    broken = "\n".join([*lines[:row], "zzz: 1", *lines[row:]])
    for shown in (outcome(load_text, text, {"SECRET": secret}), outcome(load_text, broken, {"SECRET": secret})):
        assert secret not in shown
        assert repr(secret)[1:-1] not in shown


@run(deadline=None)
@given(secret=SECRETS)
def test_a_key_written_in_the_file_is_never_shown(load_text: LoadText, secret: str) -> None:
    literal = yaml.safe_dump(secret, default_style='"', width=1000).strip().replace("${", "$${")
    good = BASE.replace("provider: simulated", f"provider: simulated, api_key: {literal}")
    settings = load_text(good)
    key = settings.providers["p"].api_key
    assert key is not None
    assert key.get_secret_value() == secret
    for shown in (
        repr(settings),
        str(settings),
        outcome(load_text, good + "zzz: 1\n"),
        outcome(load_text, good + "server: {port: x}\n"),
    ):
        assert secret not in shown


def test_a_long_secret_is_hidden_before_the_line_is_shortened(load_text: LoadText) -> None:
    secret = "k" * 1000
    shown = outcome(load_text, BASE + "aliases: {a: '${SECRET}'}\n", {"SECRET": secret})
    assert "kkkk" not in shown
    assert "***" in shown


def test_a_secret_inside_another_is_hidden_with_it(load_text: LoadText) -> None:
    text = BASE + "aliases: {a: '${LONG}', b: '${SHORT}'}\n"
    shown = outcome(load_text, text, {"LONG": "abcdefgh", "SHORT": "cdef"})
    assert not re.search("ab|cd|gh", shown.replace("auto", ""))


def test_control_characters_do_not_reach_the_terminal(load_text: LoadText) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + 'aliases: {"a\\e[2J": "x\\e[2J"}\n')
    assert "\\x1b[2J" in caught.value.message
    assert "\x1b" not in caught.value.message
