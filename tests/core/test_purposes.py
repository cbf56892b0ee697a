"""Whoever asks models for us is known by its purpose."""

from homeport.console import replay
from homeport.core.purposes import DRIFT_PROBE, OURS, QUALITY_CHECK, QUALITY_JUDGE
from homeport.pipeline import checks, judging


def test_all_that_ask_are_known() -> None:
    assert {replay.PURPOSE, checks.PURPOSE, judging.PURPOSE, QUALITY_JUDGE, QUALITY_CHECK, DRIFT_PROBE} == OURS
