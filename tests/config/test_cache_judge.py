"""The judge of the cache is a model of the configuration."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText


def text(model: str) -> str:
    return BASE + f"cache: {{semantic: balanced, judge: {{model: {model}}}}}\n"


def test_a_model_that_there_is(load_text: LoadText) -> None:
    judge = load_text(text("m")).cache.judge
    assert judge is not None
    assert (judge.model, judge.approve) == ("m", 0.9)


def test_a_model_that_there_is_not(load_text: LoadText) -> None:
    with pytest.raises(ConfigError, match=r'cache.judge.model: "mm" is not the name of a model; did you mean "m"'):
        load_text(text("mm"))
