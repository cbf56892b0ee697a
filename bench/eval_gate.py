"""`make bench-eval-gate`: how often the regression gate is right, imagined and with the real program.

First thousands of imagined runs for every number of cases: an equal model must pass, and one that is 10 % worse must
fail, each wrong verdict at most as often as `--risk` says. Then the same with programs: a simulated provider behind a
running gateway, whose three models are right in 85, 85 and 76.5 of 100 cases, each by itself; 20 seeds, and for each
`homeport eval run` of the three and `homeport eval gate` of both candidates.
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench import results
from bench.contender import free_port, process, wait_ready
from bench.gate_odds import ENOUGH, RISK, RUNS, World, enough, odds
from bench.program import PROGRAM, environment

CASES = (30, 50, 75, 100, 150, 200, 250, 300, 350, 400, 500, 600, 700, 800, 1000, 1200)
ACCURACIES = (0.6, 0.85, 0.95)
ALIKE = (0.0, 0.5, 0.8, 0.95)
LOSS = 0.1
SHARES = (0.9, 0.95, 0.987)
"""With 0.987 each, 19 of 20 runs are right 97 times of 100."""
MODELS: Mapping[str, float] = {"now": 0.85, "equal": 0.85, "worse": 0.765}
_WORDS = ("lease", "notice", "rent", "term", "deposit", "repair", "tenant", "clause", "renewal", "damage")
_READY_SECONDS = 60.0
_EXIT_CODES = {"equal": 0, "worse": 1}


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/eval_gate.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-eval-gate", description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000, help="imagined runs of each kind")
    parser.add_argument("--runs", type=int, default=RUNS, help="seeds with the real program; 0 for none")
    parser.add_argument("--cases", type=int, default=800, help="of each of them")
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args(arguments)
    rows = imagined(options.draws)
    report: dict[str, Any] = {"risk": RISK, "loss": LOSS, "imagined": rows, "sizes": sizes(rows)}
    if options.runs:
        with tempfile.TemporaryDirectory() as folder:
            report["real"] = real(Path(folder), options.runs, options.cases, options.at_once)
    report["missed"] = missed(report, options.draws)
    results.write("eval_gate.json", report)
    print(json.dumps(report, indent=2))
    return 1 if report["missed"] else 0


def imagined(draws: int) -> list[dict[str, Any]]:
    """The odds of both candidates, for each number of cases."""
    found = []
    for accuracy in ACCURACIES:
        for alike in ALIKE:
            for cases in CASES:
                equal = odds(World(accuracy=accuracy, alike=alike, loss=0), cases, draws)
                worse = odds(World(accuracy=accuracy, alike=alike, loss=LOSS), cases, draws, seed=1)
                found.append(
                    {
                        "accuracy": accuracy,
                        "alike": alike,
                        "cases": cases,
                        "equal": msgspec.to_builtins(equal),
                        "worse": msgspec.to_builtins(worse),
                        "equal_19_of_20": round(enough(equal.passed), 4),
                        "worse_19_of_20": round(enough(worse.worse), 4),
                    }
                )
    return found


def sizes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The least numbers of cases with which both verdicts are right so often; None where none of `CASES` suffices."""
    return [
        {
            "accuracy": accuracy,
            "alike": alike,
            "differ": round(2 * accuracy * (1 - accuracy) * (1 - alike), 4),
            **{
                str(share): next(
                    (
                        row["cases"]
                        for row in rows
                        if (row["accuracy"], row["alike"]) == (accuracy, alike)
                        and min(row["equal"]["passed"], row["worse"]["worse"]) >= share
                    ),
                    None,
                )
                for share in SHARES
            },
        }
        for accuracy in ACCURACIES
        for alike in ALIKE
    ]


def missed(report: Mapping[str, Any], draws: int) -> list[str]:
    """Wrong verdicts beyond the risk, three standard errors of the draws aside; and what the program got wrong."""
    most = RISK + 3 * (RISK * (1 - RISK) / draws) ** 0.5
    found = []
    for row in report["imagined"]:
        where = f"accuracy {row['accuracy']}, alike {row['alike']}, {row['cases']} cases"
        if row["equal"]["worse"] > most:
            found.append(f"{where}: an equal one fails {row['equal']['worse']:.3f}")
        if row["worse"]["passed"] > most:
            found.append(f"{where}: a worse one passes {row['worse']['passed']:.3f}")
    real_runs = report.get("real", {})
    least = ENOUGH / RUNS * real_runs.get("runs", 0)
    return found + [
        f"{name}: {real_runs['right'][name]} of {real_runs['runs']} runs"
        for name in real_runs.get("right", {})
        if real_runs["right"][name] < least
    ]


def real(folder: Path, runs: int, cases: int, at_once: int) -> dict[str, Any]:
    """The gate's exit codes with the real program."""
    write_dataset(folder, cases)
    with house(folder) as (sim, home):
        return {"cases": cases, **gated(folder, sim, home, runs, at_once)}


def gated(folder: Path, sim: str, home: Path, runs: int, at_once: int) -> dict[str, Any]:
    """The same with a house that runs: how often each exit code was right, and all of them."""
    codes: dict[str, list[int]] = {name: [] for name in _EXIT_CODES}
    for seed in range(runs):
        _configure(sim, seed)
        scores = {model: _asked(folder, home, model, seed, at_once) for model in MODELS}
        for name, found in codes.items():
            found.append(_gated(folder, home, name, seed))
        told = {name: found[-1] for name, found in codes.items()}
        print(f"seed {seed}: {scores} {told}", file=sys.stderr, flush=True)
    right = {name: found.count(_EXIT_CODES[name]) for name, found in codes.items()}
    return {"runs": runs, "right": right, "exit_codes": codes}


def write_dataset(folder: Path, cases: int) -> None:
    """Questions for `homeport eval run`, and the same with their answers for `homeport sim`."""
    dice = random.Random(9)
    rows = [
        (f"{' '.join(dice.sample(_WORDS, 4))}, case {number}?", f"answer {dice.randrange(10**6)}")
        for number in range(cases)
    ]
    lines = [
        {"id": f"case {number}", "question": question, "check": {"kind": "exact"}, "expected": answer}
        for number, (question, answer) in enumerate(rows)
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    known = [{"prompt": question, "answer": answer} for question, answer in rows]
    (folder / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in known))


@contextlib.contextmanager
def house(folder: Path) -> Iterator[tuple[str, Path]]:
    """The simulated provider's address, and the state folder of a gateway in front of it."""
    home, sim_port, port = folder / "home", free_port(), free_port()
    home.mkdir(mode=0o700)
    targets = [f"      - {{model: {model}, provider: sim, price: 'openai:gpt-5.4'}}" for model in MODELS]
    provider = f"  sim: {{provider: openai_compatible, base_url: http://127.0.0.1:{sim_port}/v1}}"
    (home / "homeport.yaml").write_text(
        "\n".join(["providers:", provider, "tiers:", "  - name: far", "    targets:", *targets]) + "\n"
    )
    shares = [word for model, share in MODELS.items() for word in ("--accuracy", f"{model}={share}")]
    sim = (*PROGRAM, "sim", "--port", str(sim_port), "--answers", str(folder / "answers.jsonl"), *shares)
    up = (*PROGRAM, "up", "--quiet")
    with contextlib.ExitStack() as stack:
        child = stack.enter_context(process(sim, folder=folder, environment=environment(home)))
        wait_ready(child, sim_port, "/sim/health", _READY_SECONDS, folder)
        child = stack.enter_context(process(up, folder=folder, environment=environment(home, port)))
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield f"http://127.0.0.1:{sim_port}", home


def _configure(sim: str, seed: int) -> None:
    request = urllib.request.Request(f"{sim}/sim/settings", json.dumps({"seed": seed}).encode())
    with urllib.request.urlopen(request, timeout=10) as response:
        response.read()


def _asked(folder: Path, home: Path, model: str, seed: int, at_once: int) -> float:
    out = ("--out", f"{model}.{seed}.jsonl", "--at-once", str(at_once), "--json")
    done = _homeport(folder, home, "eval", "run", "cases.jsonl", "--model", model, *out)
    if done.returncode != 0:
        raise SystemExit(f"eval run ended with {done.returncode}: {done.stderr}")
    score: float = json.loads(done.stdout)["runs"][0]["score"]["value"]
    return round(score, 4)


def _gated(folder: Path, home: Path, name: str, seed: int) -> int:
    return _homeport(folder, home, "eval", "gate", f"now.{seed}.jsonl", f"{name}.{seed}.jsonl", "--json").returncode


def _homeport(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (*PROGRAM, *arguments)
    return subprocess.run(
        command, cwd=folder, env=environment(home), capture_output=True, text=True, timeout=600, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
