"""`make bench-anomalies`: how soon a real fault is told, and how often quiet traffic is told of without a cause.

First hours of traffic that is quiet and yet has a day's course, heavy tails, crowds and small bursts of errors go
through the detectors: nothing may be told, and what is told is counted. Faults are put into such traffic, and the time
is taken until each is told, by how busy the model is. Then a real gateway answers callers from
simulated upstreams for as long as it takes to learn what is usual; a burst of 5xx, four times the latency and a silent
inflation of tokens begin, and the time is taken until each is told. A second gateway runs beside it without a fault.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench import results
from bench.anomaly_house import FAULTS, KINDS, House, running
from bench.anomaly_traffic import SECOND, Fault, Traffic, failing, inflated, slower
from bench.machine import describe
from homeport.core.unusual import Measure, Unusual
from homeport.ledger.samples import LEAST_KNOWN_NS, news_from
from homeport.ledger.unusual import Observatory
from homeport.storage.arrivals import Arrival

MOST_SECONDS = 120.0
_STRETCH = 10
_HOUR = 3_600
_NOON = 12 * _HOUR
_BROKEN = "mid"
_FAULTY_RUNS = 8
_GIVEN_UP_S = 900


def main(arguments: Sequence[str]) -> int:
    """0 if each fault is told in two minutes by the right alert, and nothing else is told by the real gateways."""
    parser = argparse.ArgumentParser(prog="bench.anomalies", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="simulated quiet runs")
    parser.add_argument("--hours", type=int, default=72, help="length of each")
    parser.add_argument("--rate", type=float, default=12.0, help="requests a second for each model, real gateways")
    parser.add_argument("--learn", type=float, default=540.0, help="seconds before the faults begin")
    parser.add_argument("--interval", type=float, default=10.0, help="alerts.anomalies.interval_seconds")
    parser.add_argument("--only", choices=("quiet", "faults", "real"), help="one of the parts")
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {"machine": describe(), "settings": vars(options)}
    missed: list[str] = []
    if options.only in (None, "quiet"):
        report["quiet"] = _quiet(options.runs, options.hours)
        print(report["quiet"])
    if options.only in (None, "faults"):
        report["faults"] = _delays()
        print(*report["faults"], sep="\n")
    if options.only in (None, "real"):
        report["real"] = asyncio.run(_real(options.rate, options.learn, options.interval))
        missed += report["real"]["missed"]
    report["missed"] = missed
    print(results.write("anomalies.json", report), *missed, sep="\n")
    return 1 if missed else 0


def _quiet(runs: int, hours: int) -> dict[str, Any]:
    """Quiet days, each of its own seed."""
    with ProcessPoolExecutor(max_workers=2) as pool:
        days = list(pool.map(quiet_run, range(1_000, 1_000 + runs), [hours] * runs))
    told = [sentence for sentences, _ in days for sentence in sentences]
    return {
        "runs": runs,
        "hours": runs * hours,
        "runs with a false alarm": sum(bool(sentences) for sentences, _ in days),
        "false alarms": len(told),
        "series judged, on average": sum(judged for _, judged in days) / runs,
        "told": told,
    }


def quiet_run(seed: int, hours: int) -> tuple[list[str], int]:
    """What is told of some quiet hours, and how many series were judged in the end."""
    traffic, observatory = Traffic(seed, rate=(1.0, 2.0, 4.0, 8.0)[seed % 4]), Observatory(0)
    purse, told = _Purse(observatory), list[str]()
    for start in range(0, hours * _HOUR, _STRETCH):
        rows = list(traffic.between(start, start + _STRETCH))
        observatory.see(rows)
        purse.see(rows)
        changes = [change.now for change in observatory.close((start + _STRETCH) * SECOND)]
        told += [one.sentence for one in changes if one.until is None and one.measure is not Measure.SPEND]
        told += purse.news(changes)
    return told, observatory.judged


def _delays() -> list[dict[str, Any]]:
    """Seconds until a fault of one model among three is told, in traffic that is otherwise quiet."""
    dice = random.Random(1)
    faults = {
        "80 % are 5xx": failing(0.8, dice),
        "30 % are 5xx": failing(0.3, dice),
        "10 % are 5xx": failing(0.1, dice),
        "latency x 4": slower(4),
        "tokens x 2": inflated(2),
        "tokens x 1.5": inflated(1.5),
    }
    found = []
    for rate, (name, fault) in itertools.product((2.0, 6.0), faults.items()):
        runs = [_delay(seed, rate, fault) for seed in range(_FAULTY_RUNS)]
        seconds = sorted(after or _GIVEN_UP_S for after, _ in runs)
        found.append(
            {
                "fault": name,
                "the model's requests a minute": round(statistics.median(busy for _, busy in runs)),
                "seconds, median": statistics.median(seconds),
                "seconds, all": seconds,
            }
        )
    return found


def _delay(seed: int, rate: float, fault: Fault) -> tuple[float | None, float]:
    """Seconds from the fault to its alert, None where there was none, and the model's requests a minute."""
    traffic, observatory, asked = Traffic(seed, rate), Observatory(_NOON * SECOND), 0
    began = _NOON + _HOUR
    for start in range(_NOON, began + _GIVEN_UP_S, _STRETCH):
        rows = list(traffic.between(start, start + _STRETCH))
        asked += sum(one.attempts[0].target == _BROKEN for one in rows)
        observatory.see(fault(one) if start >= began and one.target == _BROKEN else one for one in rows)
        for change in observatory.close((start + _STRETCH) * SECOND):
            if start >= began and change.now.subject == _BROKEN:
                seconds = start + _STRETCH - began
                return seconds, asked / (_HOUR + seconds) * 60
    return None, asked / (_HOUR + _GIVEN_UP_S) * 60


class _Purse:
    """Which changes of spending are news, as the jobs worker decides it by the ledger."""

    def __init__(self, observatory: Observatory) -> None:
        self._observatory = observatory
        self._hours: dict[str, list[int]] = {}
        self._dear: dict[str, Unusual] = {}

    def see(self, rows: Sequence[Arrival]) -> None:
        for one in rows:
            for key in ("", one.key_id):
                hours = self._hours.setdefault(key, [])
                hours += [0] * (one.ended_at // SECOND // _HOUR + 1 - len(hours))
                hours[-1] += one.cost

    def news(self, changes: Sequence[Unusual]) -> list[str]:
        """What is told now; a change of spending that is not yet news is looked at again later."""
        for one in changes:
            if one.measure is Measure.SPEND and one.until is None:
                self._dear[one.subject] = one
            elif one.measure is Measure.SPEND:
                self._dear.pop(one.subject, None)
        told = [unusual for unusual in self._dear.values() if self._is_news(unusual)]
        for unusual in told:
            del self._dear[unusual.subject]
        return [unusual.sentence for unusual in told]

    def _is_news(self, unusual: Unusual) -> bool:
        known = self._hours[unusual.subject][: unusual.since // SECOND // _HOUR]
        return unusual.since >= LEAST_KNOWN_NS and self._observatory.spent(unusual) > news_from(max(known))


async def _real(rate: float, learn: float, interval: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        faulty, quiet = await asyncio.gather(
            _run(Path(one), rate, learn, interval, tuple(FAULTS)), _run(Path(other), rate, learn, interval, ())
        )
    missed = [
        f"{model} was told after {after} s"
        for model, after in faulty["seconds"].items()
        if not after or after > MOST_SECONDS
    ]
    missed += [f"told for nothing: {words}" for words in (*faulty["others"], *quiet["others"])]
    missed += [f"{model} was not told as over" for model in faulty["lasting"]]
    return {"faulty": faulty, "quiet": quiet, "missed": missed}


async def _run(folder: Path, rate: float, learn: float, interval: float, broken: Sequence[str]) -> dict[str, Any]:
    async with running(folder, rate=rate, interval=interval, streams=0.3) as house:
        await asyncio.sleep(learn)
        early = [one.summary for one in house.told]
        began = time.monotonic()
        for model in broken:
            house.break_(model)
        await asyncio.sleep(MOST_SECONDS)
        shown = await asyncio.to_thread(house.status)
        advice = await house.advice()
        for model in broken:
            house.mend(model)
        await asyncio.sleep(30 * interval)
        seconds = {model: _seconds(house, model, began) for model in broken}
        right = {one.summary for model in broken for one in house.begun(model) if one.kind in KINDS[model]}
        others = [one.summary for one in house.told if one.state != "over" and one.summary not in right]
        over = {one.subject for one in house.told if one.state == "over"}
        return {
            "seconds": seconds,
            "told": [one.summary for one in house.told],
            "shown": shown["unusual"],
            "overview": advice,
            "others": early + [words for words in others if words not in early],
            "lasting": [model for model in broken if model not in over],
            "statuses": house.statuses,
        }


def _seconds(house: House, model: str, began: float) -> float | None:
    """Until the first right alert; None where there was none."""
    times = [one.at for one in house.begun(model) if one.kind in KINDS[model]]
    return round(min(times) - began, 1) if times else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
