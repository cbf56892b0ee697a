"""The section `evaluation.watch`."""

import pytest

from homeport.core.errors import ConfigError
from tests.config.conftest import BASE, LoadText


def test_it_looks_where_outputs_are_measured_with_one_false_alarm_in_a_hundred_years(load_text: LoadText) -> None:
    watch = load_text(BASE).evaluation.watch
    assert (watch.enabled, watch.baseline_days, watch.alarms_a_year) == (True, 14, 0.01)
    changed = load_text(BASE + "evaluation: {watch: {enabled: false, baseline_days: 28}}\n").evaluation.watch
    assert (changed.enabled, changed.baseline_days) == (False, 28)


@pytest.mark.parametrize(
    "wrong", ["baseline_days: 3", "alarms_a_year: 0", "tolerance: 0.6", "settle_hours: .nan", "days: 1"]
)
def test_what_cannot_be(load_text: LoadText, wrong: str) -> None:
    with pytest.raises(ConfigError):
        load_text(BASE + f"evaluation: {{watch: {{{wrong}}}}}\n")
