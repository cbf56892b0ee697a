"""From the words of the configuration to what the ledger counts."""

from homeport.core.types import Surface
from homeport.ledger.objectives import CreditStep, Indicator, Objective, Promise, Route, objectives
from tests.config.conftest import BASE, LoadText, load_text

__all__ = ["load_text"]

ALIASES = "aliases: {a: t, b: m, c: a, d: auto}\n"


def only(load: LoadText, fields: str) -> Objective:
    (found,) = objectives(load(BASE + ALIASES + f"slo: [{{name: n, {fields}}}]\n"))
    return found


def test_shares_are_millionths_and_times_nanoseconds(load_text: LoadText) -> None:
    found = only(
        load_text,
        "availability: 0.9995, latency: {share: 0.99, within_ms: 4000}, ttft: {within_ms: 800}, window: month, "
        "credits: [{below: 0.999, percent: 10}]",
    )
    assert found.promises == {
        Indicator.AVAILABILITY: Promise(share=999_500),
        Indicator.LATENCY: Promise(share=990_000, within_ns=4_000_000_000),
        Indicator.TTFT: Promise(share=950_000, within_ns=800_000_000),
    }
    assert found.credits == (CreditStep(below=999_000, percent=10),)
    assert (found.window, found.days) == ("month", None)
    assert found.within_ns(Indicator.LATENCY) == 4_000_000_000


def test_only_what_is_stated_is_promised(load_text: LoadText) -> None:
    found = only(load_text, "ttft: {within_ms: 1}")
    assert list(found.promises) == [Indicator.TTFT]
    assert found.within_ns(Indicator.LATENCY) is None


def test_a_tier_knows_its_models_and_every_name_that_leads_to_it(load_text: LoadText) -> None:
    route = only(load_text, "availability: 0.9, route: t").route
    assert (route.tier, route.model, route.asked, route.targets) == ("t", "", "", ("m", "s"))
    assert set(route.names) == {"t", "m", "s", "a", "b", "c"}


def test_a_model_knows_every_name_that_leads_to_it(load_text: LoadText) -> None:
    route = only(load_text, "availability: 0.9, route: m").route
    assert (route.tier, route.model, route.asked, route.targets) == ("", "m", "", ("m",))
    assert set(route.names) == {"m", "b"}


def test_an_alias_and_auto_are_what_was_asked_for(load_text: LoadText) -> None:
    for name in ("auto", "a", "d"):
        assert only(load_text, f"availability: 0.9, route: {name}").route == Route(asked=name)


def test_everything_with_limits(load_text: LoadText) -> None:
    assert only(load_text, "availability: 0.9").route == Route()
    limited = only(load_text, "availability: 0.9, key: bot, surface: embeddings").route
    assert limited == Route(key="bot", surface=Surface.EMBEDDING)
