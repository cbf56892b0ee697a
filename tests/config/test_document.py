"""Bytes that are not one bounded document of plain YAML."""

import pytest

from homeport.config.document import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read
from homeport.core.errors import ConfigError

NOT_YAML = {
    "tab": (b"a:\n\tb: 1\n", "2:1: found character '\\t' that cannot start any token"),
    "open bracket": (b"a: [1,\n", "2:1: expected the node content, but found '<stream end>'"),
    "no separator": (b"a: b: c\n", "1:5: mapping values are not allowed here"),
    "not UTF-8": (b"a: 1\nbc: \xff\n", "2:5: the file is not UTF-8 text from here on"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "1:4: a NUL byte: this is not a text file"),
    "NUL": (b"a: 1\nb: \0\n", "2:4: a NUL byte: this is not a text file"),
    "control character": (b"a: 1\nb: \x07\n", "2:4: a control character: this is not a text file"),
    "anchor": (b"a: &x 1\n", "1:4: anchors (&) and aliases (*) are not supported: write the value out"),
    "alias": (b"a: *x\n", "1:4: anchors (&) and aliases (*) are not supported: write the value out"),
    "billion laughs": (
        b"a: &a [x, x]\nb: &b [*a, *a]\n",
        "1:4: anchors (&) and aliases (*) are not supported: write the value out",
    ),
    "python object": (
        b"a: !!python/object/apply:os.system [x]\n",
        "1:4: tags (!) are not supported: write the plain value, or quote it",
    ),
    "deep flow": (b"a: " + b"[" * 100, f"1:{MAX_DEPTH + 3}: nested deeper than {MAX_DEPTH} levels"),
    "many values": (b"a: [" + b"1," * MAX_VALUES + b"]", f"1:{2 * MAX_VALUES - 1}: more than {MAX_VALUES} values"),
    "too large": (b"#" * (MAX_BYTES + 1), f"1:1: the file is larger than {MAX_BYTES} bytes"),
    "escape beyond Unicode": (b'a: "\\UFFFFFFFF"\n', "1:7: an escape or a number that YAML does not know"),
    "two documents": (b"a: 1\n---\nb: 2\n", "2:1: but found another document"),
}


@pytest.mark.parametrize(("data", "line"), NOT_YAML.values(), ids=NOT_YAML.keys())
def test_not_plain_yaml(data: bytes, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(data, "f.yaml", {})
    assert caught.value.code == "config_syntax"
    assert caught.value.message == f"f.yaml:{line}"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "1:1: the file is empty"),
        (b"# only a comment\n", "1:1: the file is empty"),
        (b"\n- a\n", "2:1: the top level should be keys with values"),
        (b"  text\n", "1:3: the top level should be keys with values"),
    ],
)
def test_nothing_to_read(data: bytes, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(data, "f.yaml", {})
    assert caught.value.code == "config_invalid"
    assert caught.value.message == f"f.yaml:{line}"
    assert "homeport init" in caught.value.hint


def test_depth_up_to_the_bound_is_read() -> None:
    assert read(b"a: " + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), "f", {}).issues == []


def test_scalars_are_what_they_look_like() -> None:
    text = b"a: 12\nb: 1.5\nc: true\nd: null\ne: ~\nf: 2024-01-01\ng: '5'\nh: -3\ni: 1_000\nj:\n"
    assert read(text, "f", {}).data == {
        "a": 12, "b": 1.5, "c": True, "d": None, "e": None, "f": "2024-01-01", "g": "5", "h": -3, "i": 1000, "j": None,
    }  # fmt: skip


def test_money_keeps_its_literal_text() -> None:
    assert read(b"a: {x_usd: 0.10, x: 0.10, n_usd: 7}\n", "f", {}).data == {
        "a": {"x_usd": "0.10", "x": 0.1, "n_usd": "7"}
    }


def test_a_pace_is_no_price() -> None:
    document = read(b"a: {per_second: 0.10, input_per_mtok: 1, usd_per_kwh: 0.3, tokens_per_second: 400}\n", "f", {})
    assert document.data == {
        "a": {"per_second": "0.10", "input_per_mtok": "1", "usd_per_kwh": "0.3", "tokens_per_second": 400}
    }


def test_keys_are_text_as_written() -> None:
    assert read(b"on: 1\n5: 1\nnull: 1\n2.50: 1\n", "f", {}).data == {"on": 1, "5": 1, "null": 1, "2.50": 1}


def test_a_byte_order_mark_is_no_content() -> None:
    document = read(b"\xef\xbb\xbfa: 1\n", "f", {})
    assert document.data == {"a": 1}
    assert document.place(("a",), of_key=True) == (1, 1)


def test_substitution_cannot_inject_yaml() -> None:
    document = read(b"a: ${X}\n", "f", {"X": "1\nb: 2 # ${X}"})
    assert document.data == {"a": "1\nb: 2 # ${X}"}


def test_keys_are_not_substituted() -> None:
    assert read(b'"${X}": 1\n', "f", {"X": "secret"}).data == {"${X}": 1}


def test_what_a_value_asked_for_is_remembered() -> None:
    document = read(b"a: [x, '${B:-}${A}']\n", "f", {"A": "one"})
    assert document.variables == {("a", 1): ("B", "A")}
    assert document.secrets == {"one"}


def test_what_is_not_in_the_file_is_where_its_parent_is() -> None:
    document = read(b"a:\n  b: 1\n", "f", {})
    assert document.place(("a", "c", "d"), of_key=True) == (2, 3)
    assert document.place(("z",)) == (1, 1)


def test_variables_that_are_not_utf8_are_refused() -> None:
    document = read(b"a: ${X}\n", "f", {"X": "\udcff"})
    assert [issue.message for issue in document.issues] == ["holds bytes that are not text"]
