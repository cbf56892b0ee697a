"""`make bench-cache-replay`: 20,000 requests through a running gateway, with the cache and without.

Questions come by Zipf's law, some in other words, a third of them twists that look the same and mean something else;
whole and streamed, by keys of three projects, some in conversations, with tools, or with a temperature. The upstream
knows the right answer of each, so what is served wrong is known. Then the same requests are asked again of a gateway
without a cache: what was saved is the difference. Last, many ask the same at once.
Writes bench/results/cache_replay.json.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import results
from bench.cache_crowd import Told, crowd
from bench.cache_herd import herds
from bench.cache_house import House, Row, Sim, upstream
from bench.cache_traffic import OTHER, SAME, Request, answers, questions, requests
from bench.machine import describe
from homeport.stats.proportions import wilson

_SERVED = ("hit", "semantic")
_MOST_WRONG = 0.015
_LATENCY = ("--latency-ms=80", "--latency-p99-ms=200", "--keep=10")


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write them; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-cache-replay", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--exponent", type=float, default=1.0, help="of Zipf's law")
    parser.add_argument("--check-percent", type=float, default=0.0, help="of semantic answers that are asked live too")
    parser.add_argument("--herd", type=int, default=100, help="callers who ask the same at once")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    families = questions(options.seed)
    asked = requests(families, options.requests, exponent=options.exponent, seed=options.seed)
    right = answers(families, options.seed)
    cache = {"semantic": "balanced", "share": "project", "check_percent": options.check_percent}
    with tempfile.TemporaryDirectory() as name, upstream(Path(name), right, *_LATENCY) as sim:
        folder = Path(name)
        cached = House(folder / "cached", sim, {"cache": cache})
        told, calls, ledger = _run(cached, sim, asked, options.callers)
        sim.told("settings", {"latency_ms": 0, "latency_p99_ms": 0})
        plain = House(folder / "plain", sim, {})
        told_plain, calls_plain, ledger_plain = _run(plain, sim, asked, options.callers)
        sim.told("settings", {"latency_ms": 300})
        report: dict[str, Any] = {
            "requests": len(asked),
            "answers": figures(asked, told),
            "money": money(told, ledger, told_plain, ledger_plain),
            "upstream_calls": {"cached": calls, "plain": calls_plain},
            "ledger_says": cached.totals()["cache"],
            "herds": herds(folder, sim, cache, options.herd),
            "machine": describe(),
        }
    report["missed"] = missed(report)
    results.write("cache_replay.json", report)
    print(json.dumps(report, indent=1))
    _show(report)
    return 1 if report["missed"] else 0


def _show(report: Mapping[str, Any]) -> None:
    """The figures for people."""
    console, found, bill = results.make_console(), report["answers"], report["money"]
    table = Table("answered", "share", "first byte p50", "p95")
    for name, times in found["seconds"].items():
        share = found["by_kind_and_form"].get(name, 0.0)
        table.add_row(name, f"{share:.1%}", f"{1e3 * times['p50']:.1f} ms", f"{1e3 * times['p95']:.1f} ms")
    console.print(table)
    wrong = Table("wrong answers", "of", "wrong", "95 % interval")
    twists = {f"twists: {way}": one for way, one in found["wrong_by_twist"].items()}
    for name, one in {"semantic": found["wrong_of_semantic"], "hits": found["wrong_of_hits"], **twists}.items():
        low, high = one["interval"]
        wrong.add_row(name, str(one["of"]), f"{one['wrong']} ({one['rate']:.2%})", f"{low:.2%} .. {high:.2%}")
    console.print(wrong)
    for name, herd in report["herds"].items():
        if name != "missed":
            console.print(f"{herd['callers']} ask at once, {name}: {herd['calls']} calls, {herd['slowest_s']} s")
    saved = bill["saved"] / bill["spent_without"]
    console.print(f"saved {saved:.1%} of what it costs without; missed: {report['missed'] or 'nothing'}", markup=False)


def _run(house: House, sim: Sim, asked: Sequence[Request], callers: int) -> tuple[list[Told], int, dict[str, Row]]:
    before = sim.calls
    with house.up():
        told = crowd(house.port, house.keys, asked, callers=callers)
    return told, sim.calls - before, house.ledger()


def figures(asked: Sequence[Request], told: Sequence[Told]) -> dict[str, Any]:
    """What was served of what was asked, how right, and how fast."""
    both = list(zip(asked, told, strict=True))
    semantic = [(request, one) for request, one in both if one.cache == "semantic"]
    served = [(request, one) for request, one in both if one.cache in _SERVED]
    hard = [(request, one) for request, one in both if request.question.hard]
    return {
        "failed": sum(one.status != 200 for one in told),
        "by_kind": _shares([one.cache or "not asked" for one in told]),
        "by_kind_and_form": _shares([_form(request, one) for request, one in both]),
        "wrong": _wrong(both),
        "wrong_of_hits": _wrong(served),
        "wrong_of_exact": _wrong([(request, one) for request, one in both if one.cache == "hit"]),
        "wrong_of_semantic": _wrong(semantic),
        "wrong_of_twists": _wrong(hard),
        "wrong_by_twist": {way: _wrong([pair for pair in hard if pair[0].question.hard == way]) for way in OTHER},
        "by_way": {way: _shares([one.cache for request, one in both if request.question.way == way]) for way in SAME},
        "leaks": leaks(both),
        "seconds": _times(both),
        "examples_of_wrong": _examples(both),
    }


def leaks(both: Sequence[tuple[Request, Told]]) -> int:
    """Answers that were made in another project, conversation or with other tools or another temperature."""
    contexts = defaultdict(set)
    for request, one in both:
        if one.entry:
            contexts[one.entry].add(request.context)
    return sum(len(found) - 1 for found in contexts.values())


def _examples(both: Sequence[tuple[Request, Told]]) -> list[dict[str, str]]:
    texts = {request.question.meaning: request.question.text for request, _ in both}
    wrong = {
        request.question.text: {
            "asked": request.question.text,
            "given": texts.get(one.meaning, "") if one.meaning is not None else "",
            "similarity": one.similarity,
            "twist": request.question.hard,
        }
        for request, one in both
        if _is_wrong(request, one)
    }
    return list(wrong.values())[:40]


def _is_wrong(request: Request, one: Told) -> bool:
    return one.status == 200 and one.meaning != request.question.meaning


def _wrong(pairs: Sequence[tuple[Request, Told]]) -> dict[str, Any]:
    """Answers to something else, with their 95 % Wilson interval."""
    wrong = sum(_is_wrong(*pair) for pair in pairs)
    low, high = wilson(wrong, len(pairs)) if pairs else (0.0, 1.0)
    return {"of": len(pairs), "wrong": wrong, "rate": wrong / max(1, len(pairs)), "interval": [low, high]}


def _shares(names: Sequence[str]) -> dict[str, Any]:
    counts = Counter(names)
    return {"of": len(names), **{name: count / len(names) for name, count in counts.most_common()}}


def _form(request: Request, one: Told) -> str:
    return f"{'stream' if request.stream else 'whole'} {one.cache or 'not asked'}"


def _times(both: Sequence[tuple[Request, Told]]) -> dict[str, Any]:
    found: dict[str, list[float]] = defaultdict(list)
    for request, one in both:
        found[_form(request, one)].append(one.first_s)
    return {
        name: {"p50": percentile(times, 0.5), "p95": percentile(times, 0.95)} for name, times in sorted(found.items())
    }


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def money(
    told: Sequence[Told], ledger: dict[str, Row], told_plain: Sequence[Told], ledger_plain: dict[str, Row]
) -> dict[str, Any]:
    """Nano-dollars spent and saved, beside what the very same requests cost without a cache.

    What a hit saves is what the answer that was given costs by today's prices. Of an exact hit that is what asking
    would have cost. Of a semantic hit, asking in these other words would have cost something else by a few tokens of
    the question, and of a wrong one by those of the answer: `semantic_off` is that difference.
    """
    pairs = [
        (ledger[one.request_id], ledger_plain[other.request_id]) for one, other in zip(told, told_plain, strict=True)
    ]
    exact = [(row, other) for row, other in pairs if row.cache == "hit"]
    semantic = [(row, other) for row, other in pairs if row.cache in ("semantic", "alias")]
    missed = [(row, other) for row, other in pairs if row.cache not in ("hit", "semantic", "alias")]
    return {
        "rows": len(ledger),
        "spent": sum(row.cost for row in ledger.values()),
        "saved": sum(row.saved for row in ledger.values()),
        "spent_without": sum(row.cost for row in ledger_plain.values()),
        "exact_saved": sum(row.saved for row, _ in exact),
        "exact_would_cost": sum(other.cost for _, other in exact),
        "exact_rows_off": sum(row.saved != other.cost for row, other in exact),
        "miss_rows_off": sum(row.cost != other.cost for row, other in missed),
        "hits_with_cost": sum(row.cost != 0 for row, _ in (*exact, *semantic)),
        "semantic_saved": sum(row.saved for row, _ in semantic),
        "semantic_would_cost": sum(other.cost for _, other in semantic),
        "semantic_off": sum(row.saved - other.cost for row, other in semantic),
    }


def missed(report: dict[str, Any]) -> list[str]:
    """What was promised and not kept."""
    found, bill, herd = report["answers"], report["money"], report["herds"]
    rules = {
        "requests failed": found["failed"] == 0,
        "an answer crossed to another context": found["leaks"] == 0,
        "an exact hit was wrong": found["wrong_of_exact"]["wrong"] == 0,
        "more than 1.5 % of twists got a wrong answer": found["wrong_of_twists"]["rate"] <= _MOST_WRONG,
        "a ledger has not all requests": bill["rows"] == report["requests"],
        "saved by exact hits is not what asking would have cost": bill["exact_rows_off"] == 0,
        "misses cost something else than without a cache": bill["miss_rows_off"] == 0,
        "a hit was paid for": bill["hits_with_cost"] == 0,
        "spent and saved is not what it costs without": (
            bill["spent"] + bill["saved"] - bill["semantic_off"] == bill["spent_without"]
        ),
        "many who asked the same made more than one call": all(
            herd[name]["calls"] == 1 for name in ("whole", "streamed", "both")
        ),
    }
    return [*(line for line, kept in rules.items() if not kept), *herd["missed"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
