"""`make bench-quality-week`: weeks of simulated traffic through a gateway, one route of which becomes worse.

Two weeks are the baseline; at the start of the third the answers of one route are good 6 points (or with --relative
6 %) less often. Requests go over HTTP through a real gateway at full speed, and between stretches of six hours the
clock of all processes jumps ahead, so every time in the database is a simulated one. After each stretch the jobs' own
code ingests, measures, draws, judges through the request path, and looks at the routes; people label what the review
queue gives them. Simulated are the models, the judge's among them, and what people think: see bench/quality_answers.py.
Writes bench/results/quality_week.json.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import func, select

from bench import results
from bench.machine import describe
from bench.quality_answers import graded, is_good, question, rating, said, unit, usual_score
from bench.quality_house import JUDGE, Asked, House, Route
from bench.quality_jobs import REVIEWERS, Jobs, at_work
from bench.targets import Target, all_met, judge
from homeport.core.purposes import QUALITY_JUDGE
from homeport.evaluation.live import Period, route_quality
from homeport.storage.incidents import list_incidents
from homeport.storage.opinions import Opinion, Rating, RouteOutputs
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import scored_outputs
from homeport.storage.standing_quality import RouteQuality
from homeport.storage.tables import requests

ROUTES = (
    Route("contracts", 0.44, 0.85),
    Route("letters", 0.22, 0.90),
    Route("code", 0.15, 0.80),
    Route("facts", 0.11, 0.93),
    Route("verse", 0.08, 0.70),
)
WORSE, SINCE_WEEK = "contracts", 2
_WEEK, _STRETCH = 7 * DAY, 6 * HOUR
_STRETCHES = _WEEK // _STRETCH
_LAST = 50
EVALUATION = {
    "judge": {"model": JUDGE, "concurrency": 32, "most_usd_per_day": None},
    "review": {"period_days": 7},
    "watch": {"paired_check": {"most_usd_per_day": None}},
}
TARGETS = (
    Target(figure="requests_a_week", bound=20_000, at_least=True),
    Target(figure="automatic_share", bound=1.0, at_least=True),
    Target(figure="judge_share_off", bound=0.01),
    Target(figure="human_share_off", bound=0.005),
    Target(figure="not_nested", bound=0),
    Target(figure="judged_share", bound=1.0, at_least=True),
    Target(figure="labelled_share", bound=1.0, at_least=True),
    Target(figure="doubled_share_off", bound=0.03),
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
    return asyncio.run(_simulate(folder, options))


async def _simulate(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    start = time.time_ns() // DAY * DAY - (7 * options.weeks + 1) * DAY
    house = House(folder, ROUTES, start, EVALUATION)
    async with house.up(options.seed, options.visible), at_work(house, options.seed) as jobs:
        return await Simulation(house, jobs, options, start).run()


def good_of(route: Route, week: int, drop: float, *, relative: bool) -> float:
    """The share of a route's answers that are good in a week, from 0."""
    if route.name != WORSE or week < SINCE_WEEK:
        return route.good
    return route.good * (1 - drop) if relative else route.good - drop


class Simulation:
    """Of one house; `start` is the first day's, in nanoseconds since the epoch."""

    def __init__(self, house: House, jobs: Jobs, options: argparse.Namespace, start: int) -> None:
        self._house, self._jobs, self._options, self._start = house, jobs, options, start
        self._looks: dict[int, Mapping[str, float]] = {}
        self._number = 0

    async def run(self) -> dict[str, Any]:
        weeks = [await self._week(week) for week in range(self._options.weeks)]
        await self._settle()
        found = incidents(self._jobs, self._start)
        return {"weeks": weeks, "incidents": found, "looks": self._looks, "figures": figures(weeks, found)}

    async def _week(self, week: int) -> dict[str, Any]:
        began, since = time.monotonic(), self._start + week * _WEEK
        good = {route.name: self._good(route, week) for route in ROUTES}
        await self._house.tell(good)
        asked: list[Asked] = []
        for place in range(_STRETCHES):
            asked += await self._stretch(since + (place + 1) * _STRETCH)
        told = self._jobs.standing(since, since + _WEEK).rows
        rows = self._drawn(since)
        drawn = sum(bool(row["for_judge"]) for row in rows)
        await self._jobs.ingest_until(lambda: self._asked_judge(since) >= drawn)
        truths = {one.request_id: self._well(one, good) for one in asked}
        found = {
            "week": week + 1,
            **shares(rows, len(asked)),
            **done(told[0], rows, self._asked_judge(since)),
            "seconds": time.monotonic() - began,
            **_told(told[0], _truth(list(truths.values()))),
            "routes": {
                one.target: _told(one, _truth([truths[each.request_id] for each in asked if each.route == one.target]))
                for one in told[1:]
            },
        }
        if not week:
            found["redrawn"] = coverage(self._said(rows, asked, good), found["truth"], self._options)
        results.make_console().print({name: found[name] for name in ("week", "requests", "seconds", "corrected")})
        return found

    async def _stretch(self, until: int) -> list[Asked]:
        """Six hours; then all jobs follow."""
        answered = await self._house.ask([(name, question(number)) for name, number in self._wanted()])
        await self._jobs.wait_until_written([one.request_id for one in answered[-_LAST:]])
        self._house.advance_to(until)
        await self._follow()
        return answered

    async def _follow(self) -> None:
        await self._jobs.follow()
        day = (time.time_ns() - self._start - _STRETCH) // DAY
        self._looks[day] = {str(name): state.seen.e_value for name, state in self._jobs.watch.states.items()}

    async def _settle(self) -> None:
        """Until the last day is complete."""
        self._house.advance_to(self._start + self._options.weeks * _WEEK + _STRETCH)
        await self._follow()
        del self._looks[0]

    def _good(self, route: Route, week: int) -> float:
        return good_of(route, week, self._options.drop, relative=self._options.relative)

    def _wanted(self) -> list[tuple[str, int]]:
        count = -(-self._options.requests // _STRETCHES)
        numbers = range(self._number + 1, self._number + count + 1)
        self._number += count
        return [(_route_at(unit(self._options.seed, "route", number)), number) for number in numbers]

    def _well(self, one: Asked, good: Mapping[str, float]) -> bool:
        return is_good(self._options.seed, one.route, one.number, good[one.route])

    def _drawn(self, since: int) -> Sequence[Mapping[str, Any]]:
        query = select(scored_outputs).where(scored_outputs.c.started_at >= since)
        with self._jobs.engine.connect() as connection:
            return [{**row} for row in connection.execute(query).mappings()]

    def _asked_judge(self, since: int) -> int:
        """How many requests of the judging job the ledger has."""
        query = select(func.count()).where(requests.c.reason == QUALITY_JUDGE, requests.c.started_at >= since)
        with self._jobs.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _said(
        self, rows: Sequence[Mapping[str, Any]], asked: Sequence[Asked], good: Mapping[str, float]
    ) -> list[tuple[Mapping[str, Any], int, str]]:
        """What is known of each output, the number of its question, and its text."""
        by_id, seed, visible = {one.request_id: one for one in asked}, self._options.seed, self._options.visible
        there = [(row, by_id[row["request_id"]]) for row in rows]
        return [(row, one.number, said(seed, one.route, one.number, good[one.route], visible)[0]) for row, one in there]


def incidents(jobs: Jobs, start: int) -> list[dict[str, Any]]:
    """All that there are."""
    return [
        {
            "day": (one.opened_at - start) // DAY,
            "subject": one.finding.subject,
            "sentence": one.finding.sentence,
            "e_value": one.finding.e_value,
            "evidence": one.finding.evidence,
            "examples": one.finding.examples,
        }
        for one in list_incidents(jobs.engine)
    ]


def figures(weeks: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What targets are about."""
    since = SINCE_WEEK * 7
    of_it = [one["day"] - since for one in found if one["subject"] == f"t/{WORSE}" and one["day"] >= since]
    return {
        "requests_a_week": min(week["requests"] for week in weeks),
        "automatic_share": min(week["automatic"] for week in weeks),
        "judge_share_off": max(abs(week["judge"] - 0.15) for week in weeks),
        "human_share_off": max(abs(week["human"] - 0.07) for week in weeks),
        "not_nested": sum(week["not_nested"] for week in weeks),
        "judged_share": min(week["judged_share"] for week in weeks),
        "labelled_share": min(week["labelled_share"] for week in weeks),
        "doubled_share_off": max(abs(week["doubled_share"] - 0.15) for week in weeks),
        "weeks_outside_the_interval": sum(not week["covered"] for week in weeks),
        "route_weeks_outside_the_interval": sum(
            not route["covered"] for week in weeks for route in week["routes"].values()
        ),
        **({"days_to_the_incident": min(of_it)} if of_it else {}),
        "incidents_of_other_routes": len(found) - bool(of_it),
        "coverage_of_redrawn_samples": weeks[0]["redrawn"],
    }


def coverage(known: Sequence[tuple[Mapping[str, Any], int, str]], truth: float, options: argparse.Namespace) -> float:
    """In what share of other samples of the same outputs, drawn by the same probabilities, the interval has the truth.

    The judge and people say of an output what they would have said; who is asked about it is drawn anew.

    Args:
        known: of each output its row, the number of its question and its text.
    """
    rng, seed = random.Random(options.seed), options.seed
    would = [(row, graded(seed, number, text), _rated(seed, number, text)) for row, number, text in known]
    held = 0
    for _ in range(options.redraws):
        drawn = [
            _opinion(row, verdict, [rated] if at < row["human_probability"] else [])
            for row, verdict, rated in would
            if (at := rng.random()) < row["judge_probability"]
        ]
        held += _told(_estimate(drawn, len(would)), truth)["covered"]
    return float(held / options.redraws)


def _rated(seed: int, number: int, text: str) -> Rating:
    reviewer = REVIEWERS[number % len(REVIEWERS)]
    return Rating(reviewer, rating(seed, reviewer, number, text))


def _opinion(row: Mapping[str, Any], verdict: float, ratings: Sequence[Rating]) -> Opinion:
    return Opinion(
        request_id=row["request_id"],
        tier=row["tier"],
        target=row["target"],
        judge_share=row["judge_probability"],
        human_share=row["human_probability"],
        judged=True,
        judge=verdict,
        ratings=tuple(ratings),
        metrics=(),
    )


def _estimate(drawn: Sequence[Opinion], outputs: int) -> RouteQuality:
    """As it would be published."""
    whole = RouteOutputs(tier="", target="", outputs=outputs, kept=outputs, drawn=len(drawn))
    return route_quality(Period(since=0, until=1, epoch="redrawn"), drawn, whole)


def shares(rows: Sequence[Mapping[str, Any]], asked: int) -> dict[str, Any]:
    """How much of what was asked was measured, drawn for the judge and for people, and whether one is in the other."""
    return {
        "requests": asked,
        "automatic": sum(bool(row["kept"]) for row in rows) / asked,
        "judge": sum(bool(row["for_judge"]) for row in rows) / asked,
        "human": sum(bool(row["for_human"]) for row in rows) / asked,
        "not_nested": sum(bool(row["for_human"]) and not row["for_judge"] for row in rows),
    }


def done(told: RouteQuality, rows: Sequence[Mapping[str, Any]], asked_judge: int) -> dict[str, Any]:
    """How much of what was drawn the judge graded and people labelled, and how much two of them."""
    human = sum(bool(row["for_human"]) for row in rows)
    return {
        "asked_judge": asked_judge,
        "judged_share": told.judged / max(1, sum(bool(row["for_judge"]) for row in rows)),
        "labelled_share": told.labelled / max(1, human),
        "doubled_share": told.doubled / max(1, human),
    }


def _route_at(place: float) -> str:
    for route in ROUTES:
        if (place := place - route.share) < 0:
            return route.name
    return ROUTES[-1].name


def _truth(well: Sequence[bool]) -> float:
    """What people would say on average, had they seen all of these."""
    return sum(usual_score(well=one) for one in well) / len(well)


def _told(found: RouteQuality, truth: float) -> dict[str, Any]:
    corrected = found.corrected
    return {
        "truth": truth,
        "labels_alone": found.human,
        "judge_alone": found.judge,
        "corrected": corrected,
        "kappa_of_reviewers": found.reviewers,
        "verdict": found.verdict,
        "covered": corrected is not None and corrected.low <= truth <= corrected.high,
    }


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
