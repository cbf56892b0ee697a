"""`make bench-tiers`: three tiers behind a running gateway: where requests go, what is saved, what it costs in quality.

A real small model at home (SmolLM2-135M, llama.cpp); the mid and the frontier tier are `homeport sim`, which is right
in 88 and 98 of 100 cases. First the three answer training questions, and a router is fitted and calibrated on those
answers. Then other questions come as a stranger sends them, under two promises:

- `split`: 70 % of the answers at home, 22 % mid, 8 % frontier;
- `quality`: at most 5 points less right than the frontier tier alone, with 90 % confidence.

Each request is asked for twice: `POST /v1/route` says where it would go, then it goes there. A fifth of the requests go
on with a conversation. Questions are from bench/questions.py: those of the training are never asked again.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bench import results
from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, SMOLLM2, environment
from bench.questions import Item, is_right, make_questions

TIERS = ("home", "mid", "frontier")
MODELS = {"home": "smollm2", "mid": "mid-1", "frontier": "frontier-1"}
ACCURACY = {"mid-1": 0.88, "frontier-1": 0.98}
EASY = {"capital": 6, "antonym": 6, "product": 3, "json": 3, "larger": 1, "sum": 1, "copy": 1}
"""How often a family comes, so that a tiny model has a fair share of what it can do; others do not come."""

PRICES: Mapping[str, Mapping[str, str]] = {
    "mid": {"input_per_mtok": "0.4", "cached_input_per_mtok": "0.1", "output_per_mtok": "1.6"},
    "frontier": {"input_per_mtok": "2.5", "cached_input_per_mtok": "0.25", "output_per_mtok": "15"},
}
"""Dollars for a million tokens, as of list prices of 2026."""

MONEY = ("baseline_usd", "saved_usd")
SPLIT = (0.70, 0.22, 0.08)
MOST_LOSS = 0.05
_SPLIT_POINTS = 5.0
_MOST_TOKENS = 24
_READY_SECONDS = 120.0
_AGAIN = 5
_CAN = ["tools", "json", "logprobs"]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One live request: what the dry run said, what came, and whether it was right.

    Attributes:
        first: it does not go on with the conversation before it.
        cost, at_frontier: dollars that it cost, and that its tokens cost at the frontier tier.
    """

    item: Item
    first: bool
    dry_reason: str
    dry_tier: str
    reason: str
    tier: str
    escalation: str
    cost: Decimal
    at_frontier: Decimal
    right: bool


class Gateway:
    """Asks a running gateway."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The answer and its headers; anything but 200 ends the benchmark."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        said = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {said}")
        return said, {name.lower(): value for name, value in response.getheaders()}


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/tiers.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-tiers", description=__doc__)
    parser.add_argument("--train", type=int, default=700, help="questions to fit and calibrate on")
    parser.add_argument("--live", type=int, default=500, help="requests under each of the two promises")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--keep", type=Path, help="a folder to work in, which stays; with rows.jsonl in it none are made"
    )
    options = parser.parse_args(arguments)
    train, live = questions(options.train, options.live, options.seed)
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        report = _measured(folder, train, live, options.seed)
    missed = verdicts(report)
    report["missed"] = missed
    results.write("tiers.json", report)
    print(json.dumps(report, indent=2))
    return 1 if missed else 0


def questions(train: int, live: int, seed: int) -> tuple[list[Item], list[Item]]:
    """Questions to learn from, and requests to come: none of these is among those, but some come twice."""
    dice = random.Random(seed)
    by_family: dict[str, list[Item]] = {}
    for item in make_questions(13 * 400, seed):
        by_family.setdefault(item.family, []).append(item)
    known, unknown = {}, {}
    for family in EASY:
        items = by_family[family]
        dice.shuffle(items)
        half = len(items) // 2
        known[family], unknown[family] = items[:half], items[half:]
    return _drawn(known, train, dice), _drawn(unknown, live, dice)


def _drawn(families: Mapping[str, Sequence[Item]], count: int, dice: random.Random) -> list[Item]:
    names, weights = list(EASY), list(EASY.values())
    return [dice.choice(families[name]) for name in dice.choices(names, weights, k=count)]


def _measured(folder: Path, train: Sequence[Item], live: Sequence[Item], seed: int) -> dict[str, Any]:
    answers = folder / "answers.jsonl"
    answers.write_text(
        "".join(json.dumps({"prompt": _said(one), "answer": one.answer}) + "\n" for one in (*train, *live))
    )
    with _sim(folder, answers, seed) as sim:
        config = folder / "homeport.yaml"
        config.write_text(_config(sim, {"policy": "static"}))
        with _up(folder) as gateway:
            rows = folder / "rows.jsonl"
            if not rows.exists():
                rows.write_text("".join(json.dumps(_row(gateway, item)) + "\n" for item in train))
            frontier = [_ask(gateway, "frontier", item)[:2] for item in live]
        _homeport(folder, "route", "fit", str(rows), "--models", ",".join(TIERS), "--force")
        report: dict[str, Any] = {
            "train": {tier: _share(_rows(rows), tier) for tier in TIERS},
            "all_frontier": {
                "accuracy": _mean([right for right, _ in frontier]),
                "cost_usd": str(sum(cost for _, cost in frontier)),
            },
        }
        promises = {
            "split": ("--split", "/".join(f"{round(100 * share)}" for share in SPLIT)),
            "quality": ("--max-loss", str(MOST_LOSS), "--confidence", "0.9"),
        }
        for name, promise in promises.items():
            print(f"--- {name}", file=sys.stderr, flush=True)
            calibrated = _homeport(
                folder, "route", "calibrate", str(rows), "--models", ",".join(TIERS), *promise, "--json"
            )
            config.write_text(_config(sim, {"policy": "cascade"}))
            before = _ledger(folder)
            with _up(folder) as gateway:
                told = list(_conversations(gateway, live))
            (folder / f"{name}.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in told))
            after = _ledger(folder)
            ledger = {figure: str(after[figure] - before[figure]) for figure in after}
            report[name] = {**figures(told, frontier), "calibration": json.loads(calibrated), "ledger": ledger}
            print(json.dumps(report[name], indent=2), file=sys.stderr, flush=True)
    return report


def _conversations(gateway: Gateway, live: Sequence[Item]) -> Iterator[Told]:
    """Every fifth request goes on with the conversation before it."""
    turns: list[dict[str, str]] = []
    for number, item in enumerate(live):
        first = number % _AGAIN != _AGAIN - 1
        turns = [*([] if first else turns), {"role": "user", "content": _said(item)}]
        body = {"model": "auto", "max_tokens": _MOST_TOKENS, "temperature": 0, "messages": turns}
        dry, _ = gateway.post("/v1/route", body)
        answer, headers = gateway.post("/v1/chat/completions", body)
        said = answer["choices"][0]["message"]["content"]
        turns = [*turns, {"role": "assistant", "content": said}]
        yield Told(
            item=item,
            first=first,
            dry_reason=dry["reason"],
            dry_tier=dry["tier"],
            reason=headers["x-homeport-reason"],
            tier=headers["x-homeport-tier"],
            escalation=headers.get("x-homeport-escalation", ""),
            cost=Decimal(headers["x-homeport-cost"]),
            at_frontier=at_frontier(answer["usage"]),
            right=is_right(item, said),
        )


def figures(told: Sequence[Told], frontier: Sequence[tuple[bool, Decimal]]) -> dict[str, Any]:
    """What came of the requests, beside what the frontier tier alone would have been.

    Args:
        frontier: of each question, whether its answer was right, and what it cost.
    """
    tiers = Counter(one.tier for one in told)
    steps = [step.split(":") for one in told for step in one.escalation.split(",") if step]
    escalated = Counter(f"{model}:{reason}" for model, reason, *_ in steps)
    later = [(last, one) for last, one in itertools.pairwise(told) if not one.first]
    cost, baseline = sum(one.cost for one in told), sum(one.at_frontier for one in told)
    dearest = sum(cost for _, cost in frontier)
    return {
        "requests": len(told),
        "split": {tier: tiers[tier] / len(told) for tier in TIERS},
        "began_at": {tier: sum(one.dry_tier == tier for one in told) / len(told) for tier in TIERS},
        "escalations": dict(escalated),
        "examples_of_escalations": [one.escalation for one in told if one.escalation][:5],
        "accuracy": _mean([one.right for one in told]),
        "accuracy_by_tier": {
            tier: _mean([one.right for one in told if one.tier == tier]) for tier in TIERS if tiers[tier]
        },
        "accuracy_of_all_frontier": _mean([right for right, _ in frontier]),
        "cost_usd": str(cost),
        "baseline_usd": str(baseline),
        "saved_usd": str(baseline - cost),
        "cost_ratio": float(cost / dearest),
        "dry_run_agrees": sum(one.dry_reason == one.reason for one in told),
        "turns_that_go_on": len(later),
        "began_where_the_last_ended": sum(one.dry_tier == last.tier for last, one in later),
    }


def verdicts(report: Mapping[str, Any]) -> list[str]:
    """What was promised and not kept."""
    missed = []
    for name in ("split", "quality"):
        found = report[name]
        if found["dry_run_agrees"] != found["requests"]:
            missed.append(f"{name}: the dry run agreed in {found['dry_run_agrees']} of {found['requests']}")
        if found["began_where_the_last_ended"] != found["turns_that_go_on"]:
            missed.append(f"{name}: conversations changed their tier")
        wrong = [money for money in MONEY if Decimal(found["ledger"][money]) != Decimal(found[money])]
        missed += [f"{name}: the ledger's {money} is not what the answers said" for money in wrong]
    for tier, share in zip(TIERS, SPLIT, strict=True):
        if abs(100 * (report["split"]["split"][tier] - share)) > _SPLIT_POINTS:
            missed.append(f"split: {tier} got {report['split']['split'][tier]:.1%} instead of {share:.0%}")
    loss = report["quality"]["accuracy_of_all_frontier"] - report["quality"]["accuracy"]
    if loss > MOST_LOSS:
        missed.append(f"quality: {loss:.1%} less right than the frontier alone")
    return missed


def _row(gateway: Gateway, item: Item) -> dict[str, Any]:
    models = {}
    for tier in TIERS:
        right, cost, logconf = _ask(gateway, tier, item)
        models[tier] = {"correct": int(right), "logconf": logconf, "cost_usd": float(cost)}
    return {"split": "train", "prompt": _said(item), "models": models}


def _ask(gateway: Gateway, tier: str, item: Item) -> tuple[bool, Decimal, float | None]:
    """Whether a tier is right, what that cost, and the mean log-probability of its tokens.

    None is for minus infinity: of an answer that was cut off, which a cascade never gives.
    """
    body: dict[str, Any] = {"model": MODELS[tier], "max_tokens": _MOST_TOKENS, "temperature": 0}
    body |= {"messages": [{"role": "user", "content": _said(item)}], "logprobs": True}
    answer, headers = gateway.post("/v1/chat/completions", body)
    choice = answer["choices"][0]
    told = [token["logprob"] for token in (choice.get("logprobs") or {}).get("content") or ()]
    logconf = sum(told) / len(told) if told and choice["finish_reason"] == "stop" else None
    return is_right(item, choice["message"]["content"]), Decimal(headers["x-homeport-cost"]), logconf


def _ledger(folder: Path) -> dict[str, Decimal]:
    total = json.loads(_homeport(folder, "cost", "--json"))
    return {name: Decimal(total[name] or 0) for name in MONEY}


def at_frontier(usage: Mapping[str, Any]) -> Decimal:
    """Dollars that the tokens of an answer cost at the frontier tier."""
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    kinds = {"input": usage["prompt_tokens"] - cached, "cached_input": cached, "output": usage["completion_tokens"]}
    price = PRICES["frontier"]
    return sum((count * Decimal(price[f"{kind}_per_mtok"]) for kind, count in kinds.items()), Decimal(0)) / 1_000_000


def _said(item: Item) -> str:
    return f"{item.question} Say only the answer."


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _share(rows: Sequence[Mapping[str, Any]], tier: str) -> float:
    return _mean([row["models"][tier]["correct"] for row in rows])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _config(sim: str, routing: Mapping[str, Any]) -> str:
    remote = {"provider": "openai_compatible", "base_url": f"{sim}/v1"}
    own = {"engine": "llamacpp", "package": "weights", "hourly_cost_usd": "0.05", "profile": {"context": 2048}}
    targets = {"home": [{"model": "smollm2", "engine": "smollm2"}]} | {
        tier: [{"model": MODELS[tier], "provider": "sim", "price": f"bench:{tier}", "capabilities": _CAN}]
        for tier in PRICES
    }
    prices = [{"model": f"bench:{tier}", "from": "2020-01-01", **price} for tier, price in PRICES.items()]
    return json.dumps(
        {
            "packages": {"weights": SMOLLM2},
            "engines": {"smollm2": own},
            "providers": {"sim": remote},
            "tiers": [{"name": tier, "targets": targets[tier]} for tier in TIERS],
            "prices": prices,
            "routing": routing,
        }
    )


@contextlib.contextmanager
def _sim(folder: Path, answers: Path, seed: int) -> Iterator[str]:
    port, room = free_port(), folder / "sim"
    room.mkdir()
    options = [f"--accuracy={model}={share}" for model, share in ACCURACY.items()]
    argv = (*PROGRAM, "sim", f"--port={port}", f"--seed={seed}", f"--answers={answers}", *options)
    with process(argv, folder=room, environment=environment(folder / "home")) as child:
        wait_ready(child, port, "/sim/health", _READY_SECONDS, room)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[Gateway]:
    port = free_port()
    with process((*PROGRAM, "up"), folder=folder, environment=environment(folder / "home", port)) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield Gateway(port, (folder / "home" / "local.key").read_text().strip())


def _homeport(folder: Path, *arguments: str) -> str:
    argv, place = (*PROGRAM, *arguments), environment(folder / "home")
    done = subprocess.run(argv, cwd=folder, env=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"homeport {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
