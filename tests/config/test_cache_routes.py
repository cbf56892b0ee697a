"""The routes of the cache name what there is: one that can never match would cache, or not, without a word."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText


def text(route: str) -> str:
    return BASE + f"cache: {{routes: [{{name: r, {route}}}]}}\n"


@pytest.mark.parametrize("model", ["m", "auto"])
def test_what_callers_can_ask_for(load_text: LoadText, model: str) -> None:
    assert load_text(text(f"models: [{model}]")).cache.routes[0].models == (model,)


def test_what_nobody_can_ask_for(load_text: LoadText) -> None:
    with pytest.raises(ConfigError, match=r'cache.routes\[0\].models\[1\]: "mm" is not auto, .* did you mean "m"'):
        load_text(text("models: [m, mm]"))


@pytest.mark.parametrize("project", ["acme/*", "/acme", "acme/", "a b", "a/b/c/d"])
def test_no_key_is_in_such_a_project(load_text: LoadText, project: str) -> None:
    with pytest.raises(ConfigError, match=r"cache.routes\[0\].projects\[0\]: a project is up to three names"):
        load_text(text(f"projects: ['{project}']"))


def test_a_project_with_those_below_it(load_text: LoadText) -> None:
    assert load_text(text("projects: [acme/help]")).cache.routes[0].projects == ("acme/help",)


@pytest.mark.parametrize("seconds", ["0", "0.4", "2592001"])
def test_an_answer_is_kept_for_a_second_at_least(load_text: LoadText, seconds: str) -> None:
    with pytest.raises(ConfigError, match="ttl_seconds"):
        load_text(text(f"ttl_seconds: {seconds}"))
