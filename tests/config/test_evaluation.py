"""The section `evaluation`: what is taken, and the one line said of each that is wrong."""

import pytest

from homeport.config.evaluation import OVERSAMPLED
from homeport.core.errors import ConfigError
from homeport.evaluation.scorecard import shipped
from tests.config.conftest import BASE, LoadText


def test_it_is_off_and_has_the_shares_of_the_page(load_text: LoadText) -> None:
    wanted = load_text(BASE).evaluation
    assert (wanted.enabled, wanted.metrics, wanted.files, wanted.keep_days) == (False, None, (), 90)
    assert (wanted.sampling.judge, wanted.sampling.human, wanted.sampling.by) == (0.15, 0.07, "request")
    assert load_text(BASE + "evaluation:\n").evaluation == wanted
    prompts = wanted.prompt_drift
    assert (prompts.enabled, prompts.sample, prompts.alpha, prompts.keep_days) == (False, 200, 0.001, 120)


def test_what_makes_an_output_low_is_a_metric_that_is_shipped() -> None:
    assert set(OVERSAMPLED) <= set(shipped())


def test_everything_that_can_be_written(load_text: LoadText) -> None:
    wanted = load_text(
        BASE
        + """\
evaluation:
  enabled: true
  metrics: [refusal, latency]
  options: {latency: {most_ms: 5000}}
  files: [/etc/homeport/metrics.py]
  sampling: {judge: 0.2, human: 0.2, floor: 1, most: 1, oversample: [], by: trace}
  keep_days: 7
  keep_hours_days: 30
"""
    ).evaluation
    assert wanted.enabled
    assert wanted.metrics == ("refusal", "latency")
    assert dict(wanted.options["latency"]) == {"most_ms": 5000}
    assert wanted.files == ("/etc/homeport/metrics.py",)
    assert (wanted.sampling.human, wanted.sampling.oversample, wanted.sampling.by) == (0.2, (), "trace")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sampling: {judge: 0.1, human: 0.2}", "evaluation.sampling"),
        ("sampling: {judge: 1.1}", "evaluation.sampling.judge"),
        ("sampling: {judge: .nan}", "evaluation.sampling.judge"),
        ("sampling: {judge: true}", "evaluation.sampling.judge"),
        ("sampling: {floor: 0}", "evaluation.sampling.floor"),
        ("sampling: {most: 0.5}", "evaluation.sampling.most"),
        ("sampling: {by: user}", "evaluation.sampling.by"),
        ("sampling: {oversample: [Bad-Name]}", "evaluation.sampling.oversample"),
        ("metrics: [Bad-Name]", "evaluation.metrics"),
        ("files: [metrics.py]", "evaluation.files"),
        ("files: [/etc/passwd]", "evaluation.files"),
        ("options: {latency: 7}", "evaluation.options.latency"),
        ("keep_days: 0", "evaluation.keep_days"),
        ("keep_days: 1.5", "evaluation.keep_days"),
        ("judge: 0.2", "evaluation.judge"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(load_text: LoadText, text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + f"evaluation:\n  {text}\n")
    assert caught.value.code == "config_invalid"
    assert path in caught.value.message
