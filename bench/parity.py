"""`make bench-parity`: one package on every engine, and in two precisions: how far they agree, and whether they repeat.

The example package (`examples/packages/smollm2`) is built, and its own suite is asked of llama.cpp, of transformers and
of vLLM on CPUs, the last in float32 and in bfloat16, one after the other. For each pair: agreement of verdicts and of
texts with 95 % intervals, and the first token where two answers part, with both log-probabilities. Then each engine
answers the questions that are nearest to another answer again and again: idle and loaded, cold and warm, by its own
profile and by the deterministic one. llama.cpp is probed with four slots too, where neighbours share a batch.

Two things must hold. All engines render the same prompt, or else templates are compared and not engines; and by a
profile that claims to be deterministic every answer is the first one again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import results
from bench.program import PROGRAM, environment

RECIPE = Path(__file__).parents[1] / "examples" / "packages" / "smollm2" / "homeport.package.yaml"
ENGINES = ("llamacpp", "transformers", "vllm:float32", "vllm:bfloat16")
PROBED = ("llamacpp", "llamacpp:slots=4", "transformers", "vllm:float32")
_PACKAGE = "smollm2"
_HEAVY = ("vllm", "transformers")
_SHARES = ("verdicts", "answers", "first_tokens", "prompts")


class Homeport:
    """The program, with a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self._environment = environment(home)
        self._folder = home

    def run(self, *arguments: str, may_end_with: Sequence[int] = (0,)) -> str:
        """What a command prints."""
        done = subprocess.run(
            (*PROGRAM, *arguments),
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in may_end_with:
            raise SystemExit(f"homeport {' '.join(arguments)} ended with {done.returncode}")
        return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/parity.json; 1 where what must hold does not."""
    parser = argparse.ArgumentParser(prog="make bench-parity", description=__doc__)
    parser.add_argument("--engines", nargs="*", default=ENGINES, help="to compare; none compares nothing")
    parser.add_argument("--probed", nargs="*", default=PROBED, help="to be asked again and again")
    parser.add_argument("--replays", type=int, default=50, help="under each condition")
    parser.add_argument("--max-tokens", type=int, default=8, help="of each replayed answer")
    parser.add_argument("--background", type=int, default=2, help="requests in work beside, where it is loaded")
    parser.add_argument(
        "--python", default="", help="the interpreter of the heavy engines; else the one by `make engines`"
    )
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {"settings": vars(options)}
    with tempfile.TemporaryDirectory() as folder:
        homeport = Homeport(Path(folder))
        homeport.run("init")
        homeport.run("package", "build", str(RECIPE))
        if options.engines:
            report |= _compared(homeport, [_with_python(engine, options.python) for engine in options.engines])
        report["probes"] = {
            engine: _probed(homeport, _with_python(engine, options.python), options) for engine in options.probed
        }
    report["missed"] = missed(report)
    results.write("parity.json", report)
    for line in lines(report):
        print(line)
    return 1 if report["missed"] else 0


def _with_python(engine: str, python: str) -> str:
    name, _, more = engine.partition(":")
    if not python or name not in _HEAVY:
        return engine
    return f"{name}:{f'{more},' if more else ''}python={python}"


def _compared(homeport: Homeport, engines: Sequence[str]) -> dict[str, Any]:
    chosen = [part for engine in engines for part in ("--engine", engine)]
    print(f"asking {', '.join(engines)}", file=sys.stderr, flush=True)
    told = json.loads(homeport.run("package", "eval", _PACKAGE, *chosen, "--json", may_end_with=(0, 1)))
    return {"outcomes": told["outcomes"], "parities": told["parities"]}


def _probed(homeport: Homeport, engine: str, options: argparse.Namespace) -> Any:
    print(f"probing {engine}", file=sys.stderr, flush=True)
    bounds = [
        part
        for name in ("replays", "max_tokens", "background")
        for part in (f"--{name.replace('_', '-')}", str(getattr(options, name)))
    ]
    return json.loads(homeport.run("package", "probe", _PACKAGE, "--engine", engine, *bounds, "--json"))["probes"]


def missed(report: Mapping[str, Any]) -> list[str]:
    """What must hold, and does not."""
    found = [
        f"{_pair(parity)}: {parity['prompts']['of'] - parity['prompts']['hits']} prompts are rendered in two ways"
        for parity in report.get("parities", ())
        if parity["prompts"]["hits"] < parity["prompts"]["of"]
    ]
    for engine, probes in report["probes"].items():
        for probe in probes:
            if probe["profile"] == "deterministic":
                found += [
                    f"{engine}, deterministic, {one['condition']}: {_share(one['identical'])} are the same"
                    for one in probe["repeats"]
                    if one["identical"]["hits"] < one["identical"]["of"]
                ]
    return found


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    told = []
    for outcome in report.get("outcomes", ()):
        run = outcome["run"]
        told.append(f"{run['build']['name']} ({run['build']['build']}): score {_share(run['score'])}")
    for parity in report.get("parities", ()):
        told.append(_pair(parity))
        told += [f"  same {name.replace('_', ' ')}: {_share(parity[name])}" for name in _SHARES]
        told += [f"  {_parting(case)}" for case in parity["cases"] if case["divergence"]]
    for engine, probes in report["probes"].items():
        for probe in probes:
            for one in probe["repeats"]:
                alike = f"{one['logprobs']['hits']} with the same log-probabilities, {one['distinct']} answers at most"
                told.append(f"{engine}, {probe['profile']}, {one['condition']}: {_share(one['identical'])}; {alike}")
    return told + [f"MISSED {one}" for one in report["missed"]]


def _pair(parity: Mapping[str, Any]) -> str:
    return f"{parity['a']['name']} beside {parity['b']['name']}"


def _share(share: Mapping[str, Any]) -> str:
    return f"{share['hits']}/{share['of']} ({share['low']:.3f}-{share['high']:.3f})"


def _parting(case: Mapping[str, Any]) -> str:
    parted = case["divergence"]
    return f"{case['id']}, token {parted['position']}: {_step(parted['a'])} / {_step(parted['b'])}"


def _step(step: Mapping[str, Any]) -> str:
    figures = (step["logprob"], step["margin"], step["other"])
    return f"{step['token']!r} {' '.join('-' if one is None else f'{one:.3f}' for one in figures)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
