"""Alerts of a day are counted by kind, and by what became of them at each webhook."""

from sqlalchemy import Engine

from homeport.core.alerts import AlertsTested, LoopStopped
from homeport.core.incidents import IncidentKind
from homeport.core.money import Nano
from homeport.storage.alert_figures import DAY_NS, Delivered, Raised, alert_figures
from homeport.storage.alerts import Wanted, claim_due, list_alerts, note_delivered, note_failure, raise_alert
from homeport.storage.incidents import acknowledge, report, resolve
from tests.fakes.incidents import finding

NOW = 1_792_324_800 * 1_000_000_000
EVERYTHING = ("info", "warning", "critical")


def stopped(at: int, trace: str) -> LoopStopped:
    return LoopStopped(
        at=at, key_id="k", project="p", trace_id=trace, what="the same call", repeats=5, calls=9, cost=Nano(1)
    )


def test_none(engine: Engine) -> None:
    found = alert_figures(engine, NOW, NOW + 1)
    assert (found.raised, found.deliveries) == ((), ())
    assert {(one.kind, one.state, one.count) for one in found.incidents} == {
        (kind.value, state, 0) for kind in IncidentKind for state in ("open", "acknowledged")
    }


def test_kinds_and_deliveries(engine: Engine) -> None:
    for alert in (stopped(NOW - 5, "a"), stopped(NOW - 4, "b"), AlertsTested(at=NOW - 3), stopped(NOW - DAY_NS, "old")):
        assert raise_alert(engine, alert)
    for webhook in ("pager", "chat"):
        claim_due(engine, Wanted(webhook=webhook, severities=EVERYTHING), NOW, 1)
    [first, second] = [one.id for one in list_alerts(engine) if one.kind == LoopStopped.kind][:2]
    note_delivered(engine, first, "pager", NOW)
    note_failure(engine, second, "pager", "HTTP 410", None)
    found = alert_figures(engine, NOW, NOW + 60)
    assert found.raised == (
        Raised(kind="alerts.tested", severity="info", count=1),
        Raised(kind="loop.stopped", severity="warning", count=2),
    )
    assert found.deliveries == (
        Delivered(webhook="chat", state="waiting", count=2),
        Delivered(webhook="pager", state="delivered", count=1),
        Delivered(webhook="pager", state="failed", count=1),
    )


def test_what_was_tried_in_vain_is_late_long_before_it_is_given_up(engine: Engine) -> None:
    wanted, states = Wanted(webhook="pager", severities=EVERYTHING), list[str]()
    raise_alert(engine, AlertsTested(at=NOW - 3))
    raise_alert(engine, stopped(NOW, "a"))
    for place in range(4):
        [due] = claim_due(engine, wanted, NOW + 10 * place, 10)
        states += [one.state for one in alert_figures(engine, NOW, NOW).deliveries]
        note_failure(engine, due.alert.id, "pager", "HTTP 503", NOW + 10 * (place + 1))
    assert states == ["waiting", "waiting", "late", "late"]
    note_delivered(engine, due.alert.id, "pager", NOW + 40)
    assert [one.state for one in alert_figures(engine, NOW, NOW).deliveries] == ["delivered"]


def test_incidents_that_are_not_resolved_are_counted_by_kind_and_state(engine: Engine) -> None:
    first, second, third = (report(engine, finding(subject=name), NOW).id for name in "abc")
    report(engine, finding(kind=IncidentKind.MODEL), NOW)
    assert acknowledge(engine, first, "ann", NOW)
    assert resolve(engine, second, "ann", "over", NOW)
    found = {(one.kind, one.state): one.count for one in alert_figures(engine, NOW, NOW).incidents if one.count}
    assert found == {("quality.fell", "open"): 1, ("quality.fell", "acknowledged"): 1, ("model.changed", "open"): 1}
    assert resolve(engine, third, "ann", "over", NOW)
    assert ("quality.fell", "open", 0) in {
        (one.kind, one.state, one.count) for one in alert_figures(engine, NOW, NOW).incidents
    }
