"""Objectives: what is taken, and the one line said of each that is wrong."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.config.slo import PER_WHOLE, millionths
from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from tests.config.conftest import BASE, LoadText

SHARE = "should be a share above 0 and below 1, such as 0.999 for 99.9 %"
WINDOW = "should be a number of days such as 30d, up to 366d, or month"
STEPS = "each step should be below the one before it, and pay back more"
FLOOR = "needs an availability objective at least as high as its first step"


def test_a_file_without_objectives_has_none(load_text: LoadText) -> None:
    assert load_text(BASE).slo == load_text(BASE + "slo:\n").slo == ()


def test_everything_that_can_be_written(load_text: LoadText) -> None:
    (objective,) = load_text(
        BASE
        + """\
slo:
  - name: chat
    route: t
    key: billing-bot
    surface: chat/completions
    window: month
    availability: 0.999
    latency: {share: 0.99, within_ms: 4000}
    ttft: {within_ms: 800}
    credits:
      - {below: 0.999, percent: 10}
      - {below: 0.99, percent: 25}
"""
    ).slo
    assert (objective.name, objective.route, objective.key, objective.surface) == (
        "chat",
        "t",
        "billing-bot",
        Surface.CHAT,
    )
    assert (objective.days, objective.availability) == (None, 0.999)
    assert objective.latency is not None
    assert (objective.latency.share, objective.latency.within_ms) == (0.99, 4000)
    assert objective.ttft is not None
    assert (objective.ttft.share, objective.ttft.within_ms) == (0.95, 800)
    assert [(step.below, step.percent) for step in objective.credits] == [(0.999, 10), (0.99, 25)]


def test_the_least_that_can_be_written(load_text: LoadText) -> None:
    (objective,) = load_text(BASE + "slo: [{name: n, availability: 0.9}]\n").slo
    assert (objective.route, objective.key, objective.surface, objective.days) == ("all", None, None, 30)


@pytest.mark.parametrize("route", ["all", "auto", "t", "m", "s", "a"])
def test_routes_that_there_are(load_text: LoadText, route: str) -> None:
    text = BASE + f"aliases: {{a: auto}}\nslo: [{{name: n, availability: 0.9, route: {route}}}]\n"
    assert load_text(text).slo[0].route == route


WRONG = {
    "no promise": ("{name: n}", "10:7 slo[0]: state at least one of availability, latency and ttft"),
    "no name": ("{availability: 0.9}", "10:7 slo[0].name: is required"),
    "a name that is no label": (
        "{name: 'a b', availability: 0.9}",
        "10:14 slo[0].name: a name is 1 to 128 letters, digits and . _ : / -, and starts with a letter or digit",
    ),
    "a name twice": (
        "{name: n, availability: 0.9}, {name: n, availability: 0.9}",
        '10:44 slo[1].name: an earlier objective is called "n" too',
    ),
    "a route to nothing": (
        "{name: n, availability: 0.9, route: autp}",
        '10:43 slo[0].route: "autp" is not all, auto, a tier, a model or an alias; did you mean "auto"?',
    ),
    "an unknown key": (
        "{name: n, availabilty: 0.9}",
        '10:17 slo[0].availabilty: unknown key; did you mean "availability"?',
    ),
    "an unknown key further down": (
        "{name: n, ttft: {within_ms: 5, shares: 0.9}}",
        '10:38 slo[0].ttft.shares: unknown key; did you mean "share"?',
    ),
    "an unknown surface": (
        "{name: n, availability: 0.9, surface: chat}",
        "10:45 slo[0].surface: should be ",
    ),
    "percent for a share": ("{name: n, availability: 99.9}", f"10:31 slo[0].availability: {SHARE}"),
    "all of them": ("{name: n, availability: 1}", f"10:31 slo[0].availability: {SHARE}"),
    "none of them": ("{name: n, availability: 0}", f"10:31 slo[0].availability: {SHARE}"),
    "less than none": ("{name: n, availability: -0.5}", f"10:31 slo[0].availability: {SHARE}"),
    "true": ("{name: n, availability: true}", f"10:31 slo[0].availability: {SHARE}"),
    "text": ("{name: n, availability: '0.9'}", f"10:31 slo[0].availability: {SHARE}"),
    "seven decimals": (
        "{name: n, availability: 0.9999999}",
        "10:31 slo[0].availability: should have at most six decimals",
    ),
    "no time": ("{name: n, latency: {share: 0.9}}", "10:26 slo[0].latency.within_ms: is required"),
    "a time of nothing": (
        "{name: n, latency: {within_ms: 0}}",
        "10:38 slo[0].latency.within_ms: should be greater than or equal to 1",
    ),
    "hours": ("{name: n, availability: 0.9, window: 24h}", f"10:44 slo[0].window: {WINDOW}"),
    "no days": ("{name: n, availability: 0.9, window: 0d}", f"10:44 slo[0].window: {WINDOW}"),
    "too many days": ("{name: n, availability: 0.9, window: 367d}", f"10:44 slo[0].window: {WINDOW}"),
    "other digits": ("{name: n, availability: 0.9, window: '\u0663d'}", f"10:44 slo[0].window: {WINDOW}"),
    "a step that pays less": (
        "{name: n, availability: 0.9, credits: [{below: 0.9, percent: 9}, {below: 0.8, percent: 9}]}",
        f"10:45 slo[0].credits: {STEPS}",
    ),
    "a step out of order": (
        "{name: n, availability: 0.9, credits: [{below: 0.8, percent: 9}, {below: 0.9, percent: 10}]}",
        f"10:45 slo[0].credits: {STEPS}",
    ),
    "credits above the objective": (
        "{name: n, availability: 0.9, credits: [{below: 0.99, percent: 9}]}",
        f"10:45 slo[0].credits: {FLOOR}",
    ),
    "credits for nothing": (
        "{name: n, ttft: {within_ms: 1}, credits: [{below: 0.99, percent: 9}]}",
        f"10:48 slo[0].credits: {FLOOR}",
    ),
    "more back than was paid": (
        "{name: n, availability: 0.9, credits: [{below: 0.9, percent: 101}]}",
        "10:68 slo[0].credits[0].percent: should be less than or equal to 100",
    ),
}


@pytest.mark.parametrize(("objectives", "line"), WRONG.values(), ids=WRONG.keys())
def test_one_wrong_thing_is_one_line(load_text: LoadText, objectives: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(BASE + f"slo: [{objectives}]\n")
    assert caught.value.message.startswith(f"homeport.yaml:{line}")
    assert "\n" not in caught.value.message
    assert caught.value.code == "config_invalid"


def test_all_is_no_name_while_it_is_a_route(load_text: LoadText) -> None:
    named = BASE.replace("name: t", "name: all")
    assert load_text(named).tiers[0].name == "all"
    with pytest.raises(ConfigError, match='"all" means every request'):
        load_text(named + "slo: [{name: n, availability: 0.9}]\n")


def test_the_number_of_objectives_has_a_bound(load_text: LoadText) -> None:
    rows = "".join(f"  - {{name: n{number}, availability: 0.9}}\n" for number in range(101))
    with pytest.raises(ConfigError, match="slo: "):
        load_text(BASE + f"slo:\n{rows}")


@given(st.integers(1, PER_WHOLE - 1))
def test_shares_are_read_exactly(parts: int) -> None:
    assert millionths(float(Decimal(parts) / PER_WHOLE)) == parts
