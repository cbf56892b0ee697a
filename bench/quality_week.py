"""`make bench-quality-week`: weeks of simulated traffic through a gateway, one route of which becomes worse.

Two weeks are the baseline; at the start of the third the answers of one route are good 6 points (or with --relative
6 %) less often. Requests go over HTTP through a real gateway at full speed, and between stretches of six hours the
clock of its process jumps ahead, so every time in the ledger is a simulated one. The journal is ingested and outputs
are measured and drawn by the jobs' own code. The judge is simulated: right on 85 % of the good and 75 % of the bad;
people's ratings vary too. Writes bench/results/quality_week.json.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import insert, select

from bench import results
from bench.machine import describe
from bench.quality_house import Asked, House, Route, is_good, unit
from bench.targets import Target, all_met, judge
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.quality_watch import build_quality_watch
from homeport.bootstrap.scoring import build_scorer
from homeport.bootstrap.storage import open_storage
from homeport.config.file import ConfigFile
from homeport.config.load import Environment
from homeport.config.schema import Settings
from homeport.evaluation.estimate import Quality, Scored, by_epoch
from homeport.evaluation.referee import ProcessReferee
from homeport.jobs.paired_check import Hints
from homeport.storage.db import writing
from homeport.storage.holders import read_home_id
from homeport.storage.incidents import list_incidents
from homeport.storage.opinion_tables import judge_epochs, judgements, labels
from homeport.storage.reconcile import Reconciler
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import scored_outputs
from homeport.storage.scores import waiting

ROUTES = (
    Route("contracts", 0.44, 0.85),
    Route("letters", 0.22, 0.90),
    Route("code", 0.15, 0.80),
    Route("facts", 0.11, 0.93),
    Route("verse", 0.08, 0.70),
)
WORSE, SINCE_WEEK = "contracts", 2
EPOCH = "simulated"
_LAST, _WRITTEN_S = 50, 60.0
TARGETS = (
    Target(figure="requests_a_week", bound=20_000, at_least=True),
    Target(figure="automatic_share", bound=1.0, at_least=True),
    Target(figure="judge_share_off", bound=0.01),
    Target(figure="human_share_off", bound=0.005),
    Target(figure="not_nested", bound=0),
    Target(figure="weeks_outside_the_interval", bound=1),  # two of four: in one of seventy runs, by chance
    Target(figure="coverage_of_redrawn_samples", bound=0.93, at_least=True),
    Target(figure="days_to_the_incident", bound=14),
    Target(figure="incidents_of_other_routes", bound=0),
)


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = options_of(arguments)
    with tempfile.TemporaryDirectory() as name:
        report = simulate(Path(name), options)
    report["machine"] = describe()
    verdicts = judge(TARGETS, report["figures"])
    results.write("quality_week.json", {**report, "settings": vars(options), "verdicts": verdicts})
    _show(report)
    results.show_verdicts(results.make_console(), verdicts)
    return 0 if all_met(verdicts) else 1


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make bench-quality-week", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_400, help="a week")
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--drop", type=float, default=0.06)
    parser.add_argument("--relative", action="store_true", help="the drop is a share of what was good, not points")
    parser.add_argument("--visible", type=float, default=0.3, help="share of bad answers that a metric can see")
    parser.add_argument("--redraws", type=int, default=200, help="samples of the first week that are drawn anew")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def simulate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Weeks, one after the other; what was found."""
    start = time.time_ns() // DAY * DAY - (7 * options.weeks + 1) * DAY
    house = House(folder, ROUTES, start - time.time_ns())
    with house.up(options.seed, options.visible):
        return Simulation(house, options, start).run()


def good_of(route: Route, week: int, drop: float, *, relative: bool) -> float:
    """The share of a route's answers that are good in a week, from 0."""
    if route.name != WORSE or week < SINCE_WEEK:
        return route.good
    return route.good * (1 - drop) if relative else route.good - drop


class Simulation:
    """Of one house; `start` is the first day's, in nanoseconds since the epoch."""

    def __init__(self, house: House, options: argparse.Namespace, start: int) -> None:
        self._house, self._options, self._start = house, options, start
        self._settings = _settings(house)
        self._engine = open_storage(self._settings, house.home)
        self._bodies = body_store(self._settings, house.home)
        self._watch = build_quality_watch(self._settings.evaluation.watch, self._engine, Hints())
        self._looks: dict[int, Mapping[str, float]] = {}
        self._number = 0

    def run(self) -> dict[str, Any]:
        row = {"epoch": EPOCH, "began_at": self._start, "model": "simulated", "rubric": "good", "rubric_version": 1}
        with writing(self._engine) as connection:
            connection.execute(insert(judge_epochs), [row])
        weeks = [self._week(week) for week in range(self._options.weeks)]
        found = {"weeks": weeks, "incidents": self._incidents(), "looks": self._looks, "figures": self._figures(weeks)}
        self._engine.dispose()
        return found

    def _week(self, week: int) -> dict[str, Any]:
        began = time.monotonic()
        good = {route.name: self._good(route, week) for route in ROUTES}
        asked: list[Asked] = []
        for _ in range(28):
            answered = self._house.ask(self._stretch(), good)
            self._wait_until_written(answered[-_LAST:])
            asked += answered
            self._house.advance(6 * HOUR)
        seconds = time.monotonic() - began
        self._measure(len(asked))
        since = self._start + week * 7 * DAY
        rows = self._opinions(asked, good, since)
        found = {"week": week + 1, **shares(rows, len(asked)), "seconds": seconds, **self._estimates(rows, asked, good)}
        if not week:
            by_id = {one.request_id: one for one in asked}
            found["redrawn"] = coverage(rows, by_id, found["truth"], self._options)
        for day in range(week * 7 + 1, week * 7 + 8):
            self._watch.work(self._start + day * DAY + 6 * HOUR)
            self._looks[day] = {str(name): state.seen.e_value for name, state in self._watch.states.items()}
        results.make_console().print({name: found[name] for name in ("week", "requests", "seconds", "corrected")})
        return found

    def _wait_until_written(self, last: Sequence[Asked]) -> None:
        """At six hours a second what was said comes faster than it is written, and the gateway keeps so much of it."""
        end = time.monotonic() + _WRITTEN_S
        while not all(self._bodies.has(one.request_id, self._house.wall_ns()) for one in last):
            if time.monotonic() > end:
                raise SystemExit("what was said is not written down")
            time.sleep(0.05)

    def _good(self, route: Route, week: int) -> float:
        return good_of(route, week, self._options.drop, relative=self._options.relative)

    def _stretch(self) -> list[tuple[str, int]]:
        count = -(-self._options.requests // 28)
        wanted = []
        for _ in range(count):
            self._number += 1
            place = unit(self._options.seed, "route", self._number)
            wanted.append((_route_at(place), self._number))
        return wanted

    def _measure(self, asked: int) -> None:
        """Ingest what was asked, measure it and draw from it."""
        ingesting = Reconciler(self._engine, self._house.home, self._house.wall_ns)
        home_id, clock = read_home_id(self._house.home.identity), Clock(self._house)
        ingesting.ingest()
        with ProcessReferee() as referee:
            scorer = build_scorer(self._settings, self._house.home, self._engine, referee, clock)
            while scorer.work(clock.wall_ns()) or waiting(self._engine, home_id):
                ingesting.ingest()

    def _opinions(self, asked: Sequence[Asked], good: Mapping[str, float], since: int) -> Sequence[Mapping[str, Any]]:
        """What was drawn is judged and labelled; all outputs of the week."""
        by_id = {one.request_id: one for one in asked}
        with self._engine.connect() as connection:
            query = select(scored_outputs).where(scored_outputs.c.started_at >= since)
            rows = [{**row} for row in connection.execute(query).mappings() if row["request_id"] in by_id]
        for row in rows:
            one = by_id[row["request_id"]]
            row["is_good"] = is_good(self._options.seed, one.route, one.number, good[one.route])
            row["judge"] = _judged(self._options.seed, one, row["is_good"]) if row["for_judge"] else None
            row["rating"] = rating_of(self._options.seed, one, row["is_good"]) if row["for_human"] else None
        with writing(self._engine) as connection:
            connection.execute(insert(judgements), [_judgement(row) for row in rows if row["for_judge"]])
            connection.execute(insert(labels), [_label(row) for row in rows if row["for_human"]])
        return rows

    def _estimates(
        self, rows: Sequence[Mapping[str, Any]], asked: Sequence[Asked], good: Mapping[str, float]
    ) -> dict[str, Any]:
        truth = {route.name: self._truth([one for one in asked if one.route == route.name], good) for route in ROUTES}
        whole = by_epoch([_scored(row) for row in rows])[EPOCH]
        each = {route.name: _estimate([row for row in rows if row["target"] == route.name]) for route in ROUTES}
        return {
            **_told(whole, self._truth(asked, good)),
            "routes": {name: _told(found, truth[name]) for name, found in each.items()},
        }

    def _truth(self, asked: Sequence[Asked], good: Mapping[str, float]) -> float:
        """What people would say on average, had they seen all of these."""
        seed = self._options.seed
        verdicts = [is_good(seed, one.route, one.number, good[one.route]) for one in asked]
        return sum((rating_of(seed, one, was) - 1) / 4 for one, was in zip(asked, verdicts, strict=True)) / len(asked)

    def _incidents(self) -> list[dict[str, Any]]:
        found = list_incidents(self._engine)
        return [
            {
                "day": (one.opened_at - self._start) // DAY,
                "subject": one.finding.subject,
                "sentence": one.finding.sentence,
                "e_value": one.finding.e_value,
                "evidence": one.finding.evidence,
                "examples": one.finding.examples,
            }
            for one in found
        ]

    def _figures(self, weeks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        incidents = self._incidents()
        since = SINCE_WEEK * 7
        of_it = [one["day"] - since for one in incidents if one["subject"] == f"t/{WORSE}" and one["day"] >= since]
        return {
            "requests_a_week": min(week["requests"] for week in weeks),
            "automatic_share": min(week["automatic"] for week in weeks),
            "judge_share_off": max(abs(week["judge"] - 0.15) for week in weeks),
            "human_share_off": max(abs(week["human"] - 0.07) for week in weeks),
            "not_nested": sum(week["not_nested"] for week in weeks),
            "weeks_outside_the_interval": sum(not week["covered"] for week in weeks),
            "route_weeks_outside_the_interval": sum(
                not route["covered"] for week in weeks for route in week["routes"].values()
            ),
            **({"days_to_the_incident": min(of_it)} if of_it else {}),
            "incidents_of_other_routes": len(incidents) - bool(of_it),
            "coverage_of_redrawn_samples": weeks[0]["redrawn"],
        }


class Clock:
    """The house's: what outputs are measured by."""

    def __init__(self, house: House) -> None:
        self._house = house

    def wall_ns(self) -> int:
        return self._house.wall_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def coverage(
    rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Asked], truth: float, options: argparse.Namespace
) -> float:
    """In what share of other samples of the same outputs, drawn by the same probabilities, the interval has the truth.

    The judge and people say of an output what they would have said; who is asked about it is drawn anew.
    """
    rng, seed = random.Random(options.seed), options.seed
    known = [
        (row, _judged(seed, one, row["is_good"]), rating_of(seed, one, row["is_good"]))
        for row in rows
        for one in (asked[row["request_id"]],)
    ]
    held = 0
    for _ in range(options.redraws):
        drawn = []
        for row, verdict, rating in known:
            at = rng.random()
            looked = {"judge": verdict if at < row["judge_probability"] else None}
            drawn.append(_scored({**row, **looked, "rating": rating if at < row["human_probability"] else None}))
        corrected = by_epoch(drawn)[EPOCH].corrected
        held += corrected is not None and corrected.low <= truth <= corrected.high
    return float(held / options.redraws)


def shares(rows: Sequence[Mapping[str, Any]], asked: int) -> dict[str, Any]:
    """How much of what was asked was measured, drawn for the judge and for people, and whether one is in the other."""
    return {
        "requests": asked,
        "automatic": sum(bool(row["kept"]) for row in rows) / asked,
        "judge": sum(bool(row["for_judge"]) for row in rows) / asked,
        "human": sum(bool(row["for_human"]) for row in rows) / asked,
        "not_nested": sum(bool(row["for_human"]) and not row["for_judge"] for row in rows),
    }


def rating_of(seed: int, one: Asked, was_good: bool) -> int:
    """What a person says of it: 4 or 5 of a good one and 1 or 2 of a bad one, and one in twenty is a slip."""
    slips = unit(seed, "slip", one.number) < 0.05
    upper = unit(seed, "upper", one.number) < 0.5
    return (4 if was_good is not slips else 1) + upper


def _judged(seed: int, one: Asked, was_good: bool) -> float:
    right = unit(seed, "judge", one.number) < (0.85 if was_good else 0.75)
    return 1.0 if was_good is right else 0.0


def _route_at(place: float) -> str:
    for route in ROUTES:
        if (place := place - route.share) < 0:
            return route.name
    return ROUTES[-1].name


def _scored(row: Mapping[str, Any]) -> Scored:
    return Scored(
        epoch=EPOCH,
        human=None if row["rating"] is None else (row["rating"] - 1) / 4,
        judge=row["judge"],
        human_share=row["human_probability"],
        judge_share=row["judge_probability"],
        metrics=(float(row["low"]),),
    )


def _estimate(rows: Sequence[Mapping[str, Any]]) -> Quality:
    return by_epoch([_scored(row) for row in rows])[EPOCH]


def _told(found: Quality, truth: float) -> dict[str, Any]:
    estimates, corrected = found.estimates, found.corrected
    return {
        "truth": truth,
        "labels_alone": estimates.human,
        "judge_alone": estimates.judge,
        "corrected": corrected,
        "covered": corrected is not None and corrected.low <= truth <= corrected.high,
    }


def _judgement(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {"score": row["judge"], "label": "", "judge_request_id": "", "cost": 0}
    return {"request_id": row["request_id"], "epoch": EPOCH, "judged_at": row["started_at"] + HOUR, **said}


def _label(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {"rating": row["rating"], "seconds": None, "note": "", "reviewer": "ann"}
    return {"request_id": row["request_id"], "labelled_at": row["started_at"] + HOUR, **said}


def _settings(house: House) -> Settings:
    home = house.home
    return ConfigFile(Environment(home=home.root, variables={}), home.config, home.adopted).read()


def _show(report: Mapping[str, Any]) -> None:
    console = results.make_console()
    table = Table("week", "requests", "automatic", "judge", "people", "truth", "corrected", "judge alone", "s")
    for week in report["weeks"]:
        figures = [f"{week[name]:.2%}" for name in ("automatic", "judge", "human")]
        told = [f"{one.value:.3f} ({one.low:.3f}..{one.high:.3f})" for one in (week["corrected"], week["judge_alone"])]
        row = (str(week["week"]), f"{week['requests']:,}", *figures, f"{week['truth']:.4f}", *told)
        table.add_row(*row, f"{week['seconds']:.0f}")
    console.print(table)
    for one in report["incidents"]:
        console.print(f"day {one['day']}: {one['sentence']} (e = {one['e_value']:.3g})", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
