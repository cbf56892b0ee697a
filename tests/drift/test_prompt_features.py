"""What is kept of a prompt says how it is written, and has no word of it."""

import msgspec
import pytest

from homeport.drift.prompt_features import MOST_WORDS, Form, PromptReader, form_of
from homeport.evaluation.metrics.languages import language_of
from tests.drift.prompt_days import WordEmbedder, reader
from tests.traces.kept import HOSTILE

SECRET = "The supersecretword must not leak"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("May either party assign this agreement?", Form.PLAIN),
        ('{"clause": "9.2", "ask": ["may we?"]}', Form.JSON),
        ("[1, 2, 3]", Form.JSON),
        ("{not JSON at all", Form.PLAIN),
        ("What does this do?\n```python\nx = 1\n```", Form.CODE),
        ("def f(x):\n    return x + 1\n", Form.CODE),
        ("for (int i = 0; i < n; i++) {\n  sum += a[i];\n}", Form.CODE),
        ("# Clause\n\n- one\n- two\n\nand **three**", Form.MARKDOWN),
        ("We agree. This is it.\nThere is no more to say; that is all of it.", Form.PLAIN),
        ("", Form.PLAIN),
        ("[" * 50_000, Form.PLAIN),
        (HOSTILE, Form.PLAIN),
    ],
)
def test_a_prompt_has_a_form(text: str, form: Form) -> None:
    assert form_of(text) is form


def test_no_word_is_kept_and_white_space_makes_no_other_text() -> None:
    one, two = reader().read([("a", SECRET), ("b", SECRET.replace(" ", "\n  "))])
    assert one.digest == two.digest
    assert one.words == two.words
    kept = msgspec.msgpack.encode(one)
    assert not any(word.encode() in kept.lower() for word in SECRET.lower().split() if len(word) > 2)
    other = PromptReader(WordEmbedder(), language_of, b"another key")
    [elsewhere] = other.read([("a", SECRET)])
    assert elsewhere.digest != one.digest
    assert not set(_hashes(elsewhere.words)) & set(_hashes(one.words))


def test_long_and_hostile_texts_are_bounded() -> None:
    long = " ".join(f"{number:x}word{'x' * (number % 9)}" for number in range(50_000)).translate(
        {ord(str(digit)): chr(ord("a") + digit) for digit in range(10)}
    )
    features = reader().read([("a", long), ("b", HOSTILE), ("c", "\ud800 broken"), ("d", "")])
    assert len(features[0].words) == 4 * MOST_WORDS
    assert all(len(one.vector) == 2 * WordEmbedder.dimensions and len(one.digest) == 8 for one in features)
    assert features[3].words == b""


def _hashes(words: bytes) -> list[bytes]:
    return [words[place : place + 4] for place in range(0, len(words), 4)]
