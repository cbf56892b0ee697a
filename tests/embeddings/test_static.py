"""The default embedder."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.embeddings import static
from homeport.embeddings.static import StaticEmbedder


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def test_texts_that_speak_of_the_same_lie_close(embedder: StaticEmbedder) -> None:
    asked, near, far = embedder.embed(
        ["How do I reset my password?", "How can I reset a password", "Which whales live longest?"]
    )
    assert asked @ near > 0.8 > asked @ far + 0.3


def test_rows_have_unit_length_and_the_type_that_is_promised(embedder: StaticEmbedder) -> None:
    rows = embedder.embed(["one", "two words"])
    assert rows.shape == (2, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0)


@pytest.mark.parametrize("text", ["", "   ", "\n", "?!", "\u200b", "\U0001f44d"])
def test_a_text_that_says_nothing_is_no_vector(embedder: StaticEmbedder, text: str) -> None:
    assert not embedder.embed([text]).any()


def test_no_texts_are_no_rows(embedder: StaticEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


@given(st.text(st.characters(), max_size=200))
def test_any_text_is_embedded(text: str) -> None:
    row = _shared().embed([text])[0]
    assert np.isfinite(row).all()


def test_a_long_text_is_read_to_a_bound(embedder: StaticEmbedder) -> None:
    long = "word " * 100_000
    assert np.array_equal(embedder.embed([long]), embedder.embed([long + "other"]))


def test_no_code_of_the_package_with_the_weights_is_imported(embedder: StaticEmbedder) -> None:
    assert embedder.embed(["a"]).any()
    assert "wordllama" not in sys.modules


def test_weights_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(static, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="wordllama") as raised:
        StaticEmbedder()
    assert raised.value.code == "embedder_unavailable"


_kept: list[StaticEmbedder] = []


def _shared() -> StaticEmbedder:
    if not _kept:
        _kept.append(StaticEmbedder())
    return _kept[0]
