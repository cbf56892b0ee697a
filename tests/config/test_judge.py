"""The section `evaluation.judge`: what is taken, and the one line said of each that is wrong."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText


def text(judge: str, enabled: str = "true") -> str:
    return BASE + f"evaluation: {{enabled: {enabled}, judge: {judge}}}\n"


def test_nobody_judges_unless_it_is_written(load_text: LoadText) -> None:
    assert load_text(BASE + "evaluation: {enabled: true}\n").evaluation.judge is None


def test_a_model_is_enough(load_text: LoadText) -> None:
    judge = load_text(text("{model: m}")).evaluation.judge
    assert judge is not None
    assert (judge.rubric, judge.key, judge.most_per_day, judge.concurrency) == ("quality", None, 10**9, 2)
    assert (judge.max_tokens, judge.temperature) == (400, 0.0)


def test_everything_that_can_be_written(load_text: LoadText) -> None:
    judge = load_text(
        text(
            "{model: auto, rubric: contracts, rubrics: {contracts: {version: 3, text: 5 is best}}, key: key_1a, "
            'most_usd_per_day: "0.25", concurrency: 8, max_tokens: 50, temperature: null}'
        )
    ).evaluation.judge
    assert judge is not None
    assert (judge.rubrics["contracts"].version, judge.most_per_day, judge.temperature) == (3, 250_000_000, None)
    uncapped = load_text(text("{model: m, most_usd_per_day: null}")).evaluation.judge
    assert uncapped is not None
    assert uncapped.most_per_day is None


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("{model: mm}", r'evaluation.judge.model: "mm" is not auto, a tier, a model or an alias; did you mean "m"'),
        ("{}", "evaluation.judge.model"),
        ("{model: m, rubric: other}", "rubric should be quality or the name of one of rubrics"),
        ("{model: m, rubrics: {quality: {version: 1, text: x}}}", "quality comes with Homeport"),
        ("{model: m, rubrics: {Own: {version: 1, text: x}}}", "small letters"),
        ("{model: m, rubrics: {own: {version: 0, text: x}}}", "version"),
        ("{model: m, rubrics: {own: {version: 1, text: ''}}}", "text"),
        ("{model: m, key: hp-5d41402abc4b2a76-secret}", "and not the key itself"),
        ("{model: m, most_usd_per_day: -1}", "dollars"),
        ("{model: m, concurrency: 0}", "concurrency"),
        ("{model: m, concurrency: true}", "concurrency"),
        ("{model: m, temperature: 3}", "temperature"),
        ("{model: m, temperature: .nan}", "temperature"),
        ("{model: m, unknown: 1}", "unknown"),
    ],
)
def test_what_is_wrong_is_said(load_text: LoadText, judge: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_text(text(judge))
    assert "secret" not in str(caught.value)


def test_a_judge_has_something_to_judge(load_text: LoadText) -> None:
    with pytest.raises(ConfigError, match="switch `enabled` on"):
        load_text(text("{model: m}", enabled="false"))
