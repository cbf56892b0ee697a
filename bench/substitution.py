"""`make bench-substitution`: the same weights on three engines behind one provider name: is a silent swap noticed?

SmolLM2 runs as Q4_1 on llama.cpp, as float32 on transformers and as bfloat16 on vLLM, one at a time. A gateway knows
one provider; behind its address a switch passes requests on to whichever engine runs, and takes out of the answers
what names an engine. By `homeport drift baseline` border inputs are found on each engine, by `homeport drift probe` a
hundred batches are asked of it, and then of each of the others. No text but the answers tells which one it is.

Counted: how long border inputs are looked for, false alarms among the batches of the same engine, batches from the swap
to the alarm for each pair in both directions, the same where only six batches were learned before it, and tokens.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

import homeport
from bench import machine, results
from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, SMOLLM2, environment
from homeport.drift.baselines import archive_of
from homeport.drift.detectors import ALPHA
from homeport.drift.replay import replay
from homeport.drift.scoring import LEAST_BATCHES
from homeport.drift.search import Method

ENGINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Q4_1": ("llamacpp", {}),
    "float32": ("transformers", {"dtype": "float32"}),
    "bfloat16": ("vllm", {"dtype": "bfloat16"}),
}
SOON = 3
SEARCH_SECONDS = 600.0
_AFTER = 4
_READY_SECONDS = 120.0
_NAMING = ("model", "system_fingerprint", "id", "created", "timings", "service_tier", "kv_transfer_params")
_CONFIG = """
providers:
  audited: {{provider: openai_compatible, base_url: "http://127.0.0.1:{port}/v1"}}
engines: {{}}
packages:
  smollm2: {weights}
tiers:
  - name: remote
    targets: [{{model: smollm2, provider: audited, timeouts: {{first_token: 120, total: 300}}}}]
aliases: {aliases}
"""


class Switch:
    """An address that passes requests on to one engine after the other, and says nothing of which."""

    def __init__(self) -> None:
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = switch.pass_on(self.path, body)
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """A line a request is too much."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._engine: homeport.Engine | None = None
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def to(self, name: str, config: Path) -> Iterator[float]:
        """Start an engine and pass everything on to it, until it is left; the seconds that starting took."""
        adapter, profile = ENGINES[name]
        began = time.monotonic()
        with homeport.Engine(adapter, config=config, **profile).load("smollm2") as engine:
            self._engine = engine
            yield time.monotonic() - began

    def pass_on(self, path: str, body: dict[str, Any]) -> bytes:
        assert self._engine is not None
        engine = self._engine
        headers = {"content-type": "application/json", "authorization": f"Bearer {engine.endpoint.api_key}"}
        url = engine.endpoint.url.removesuffix("/v1") + path
        request = urllib.request.Request(url, json.dumps({**body, "model": engine.model}).encode(), headers)
        with urllib.request.urlopen(request, timeout=300) as response:
            answer = json.loads(response.read())
        told = {name: value for name, value in answer.items() if name not in _NAMING}
        return json.dumps({**told, "model": "smollm2", "id": "chatcmpl-1", "created": 0}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class House:
    """A gateway in front of the switch, with a name for each pair of engines."""

    def __init__(self, folder: Path, pairs: Sequence[tuple[str, str]], switch: Switch) -> None:
        self.folder, self.home = folder, folder / "home"
        self.config = folder / "homeport.yaml"
        aliases = json.dumps({pair_name(*pair): "smollm2" for pair in pairs})
        self.config.write_text(_CONFIG.format(port=switch.port, weights=json.dumps(SMOLLM2), aliases=aliases))

    def run(self, *arguments: str, may_end_with: Sequence[int] = (0,)) -> Any:
        """What a command prints as JSON."""
        argv = (*PROGRAM, *arguments, "--json")
        done = subprocess.run(argv, env=environment(self.home), cwd=self.folder, stdout=subprocess.PIPE, check=False)
        if done.returncode not in may_end_with:
            raise SystemExit(f"homeport {' '.join(arguments)} ended with {done.returncode}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def up(self) -> Iterator[None]:
        port = free_port()
        with process((*PROGRAM, "up"), folder=self.folder, environment=environment(self.home, port)) as child:
            wait_ready(child, port, "/readyz", _READY_SECONDS, self.folder)
            yield

    def copy(self, name: str, other: str) -> None:
        """What was recorded under a name is there under another one too."""
        there, here = (archive_of(self.home / "drift", one) for one in (name, other))
        shutil.copytree(there.folder, here.folder)
        made = there.read()
        assert made is not None
        (here.folder / "baseline.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(made, name=other)))


def main(arguments: Sequence[str]) -> int:
    """Print the table, write bench/results/substitution.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-substitution", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--batches", type=int, default=100, help="of the same engine")
    parser.add_argument("--repeats", type=int, default=1, help="of each probe in a batch")
    parser.add_argument("--minutes", type=float, default=4.0, help="that border inputs are looked for")
    parser.add_argument("--method", default="", choices=["", "log-probabilities", "edits"])
    options = parser.parse_args(arguments)
    pairs = [(one, other) for one in options.engines for other in options.engines if one != other]
    report: dict[str, Any] = {"settings": vars(options), "machine": machine.describe(), "engines": {}, "swaps": {}}
    switch = Switch()
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), pairs, switch)
        house.run("package", "pull", "smollm2")
        with house.up():
            _measure(house, switch, pairs, options, report)
        kept = results.FOLDER / "substitution"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(house.home / "drift", kept)
    switch.close()
    report["missed"] = missed(report)
    results.write("substitution.json", report)
    _show(report)
    return 1 if report["missed"] else 0


def pair_name(one: str, other: str) -> str:
    """The public name whose engine is swapped from one to the other."""
    return f"{one}-to-{other}".lower()


def _measure(
    house: House, switch: Switch, pairs: Sequence[tuple[str, str]], options: argparse.Namespace, report: dict[str, Any]
) -> None:
    """Each engine once as the reference, and a second time for swaps to it from those that came later."""
    waiting = list(pairs)
    known: set[str] = set()
    for name in (*options.engines, *options.engines[:-1]):
        with switch.to(name, house.config) as started:
            _say(f"{name} runs after {started:.0f} s")
            for one, other in [pair for pair in waiting if pair[1] == name and pair[0] in known]:
                waiting.remove((one, other))
                report["swaps"][pair_name(one, other)] = swapped(house, pair_name(one, other), options)
            if name not in known:
                known.add(name)
                mine = [pair_name(*pair) for pair in pairs if pair[0] == name]
                report["engines"][name] = reference(house, mine, options)


def reference(house: House, names: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Find border inputs on the engine that runs, and ask the batches before any swap."""
    chosen = ("--method", Method(options.method).value) if options.method else ()
    found = house.run(
        "drift", "baseline", names[0], "--repeats", str(options.repeats), "--minutes", str(options.minutes), *chosen
    )
    _say(f"{names[0]}: {found['asked']} questions, {found['seconds']} s, {found['method']}")
    began = time.monotonic()
    told = house.run("drift", "probe", names[0], "--batches", str(options.batches))
    seconds = (time.monotonic() - began) / options.batches
    for other in names[1:]:
        house.copy(names[0], other)
    known = house.run("drift", "check", names[0], may_end_with=(0, 1))["models"][0]
    return {
        "method": found["method"],
        "search_seconds": found["seconds"],
        "search_questions": found["asked"],
        "search_tokens": found["input_tokens"] + found["output_tokens"],
        "margins": [probe["margin"] for probe in found["probes"]],
        "steady": found["steady"],
        "tokens_a_batch": told["tokens"] // options.batches,
        "seconds_a_batch": seconds,
        "batches": known["batches"],
        "false_alarms": len(known["alarms"]),
        "greatest_evidence": _greatest(replay(archive_of(house.home / "drift", names[0]).answers)),
    }


def swapped(house: House, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Ask batches of what answers now, and say at which of them the swap was noticed."""
    house.run("drift", "probe", name, "--batches", str(_AFTER))
    known = house.run("drift", "check", name, may_end_with=(0, 1))["models"][0]
    answers = archive_of(house.home / "drift", name).answers
    found = {
        "changed": known["changed"],
        "after_batches": _after(answers, options.batches),
        "after_batches_learned_from_six": _after(answers, LEAST_BATCHES, skip=options.batches - LEAST_BATCHES),
        "after_batches_learned_from_fourteen": _after(answers, 14, skip=options.batches - 14),
        "scores": [round(one["score"] or 0.0, 3) for one in replay(answers)["batches"][-_AFTER:]],
    }
    _say(f"{name}: {found}")
    return found


def _after(answers: Path, before: int, skip: int = 0) -> int:
    """Batches from the swap to the alarm; 0 for never, or where one came before it.

    Args:
        before: batches of the old engine that are learned from, after `skip` that are left out.
    """
    lines = answers.read_bytes().splitlines(keepends=True)
    batches = list(dict.fromkeys(json.loads(line)["batch"] for line in lines))[skip:]
    with tempfile.TemporaryDirectory() as folder:
        cut = Path(folder) / "cut.jsonl"
        cut.write_bytes(b"".join(line for line in lines if json.loads(line)["batch"] in {*batches}))
        alarms = [batches.index(alarm["batch"]) for alarm in replay(cut, ALPHA)["alarms"]]
    return max(0, alarms[0] - before + 1) if alarms else 0


def _greatest(told: Mapping[str, Any]) -> float:
    return max(float(one["e_value"]) for one in told["batches"])


def missed(report: Mapping[str, Any]) -> list[str]:
    """Which targets were not reached."""
    found = [
        f"{name}: border inputs took {one['search_seconds']:.0f} s"
        for name, one in report["engines"].items()
        if one["search_seconds"] >= SEARCH_SECONDS
    ]
    found += [
        f"{name}: {one['false_alarms']} false alarms" for name, one in report["engines"].items() if one["false_alarms"]
    ]
    found += [
        f"{name}: noticed after {one['after_batches']} batches (0: never)"
        for name, one in report["swaps"].items()
        if not one["changed"] or not 0 < one["after_batches"] <= SOON
    ]
    return found


def _show(report: Mapping[str, Any]) -> None:
    console = results.make_console()
    table = Table("reference", "search s", "questions", "worst margin", "batches", "false alarms", "tokens a batch")
    for name, one in report["engines"].items():
        worst = max(margin for margin in one["margins"] if margin is not None)
        figures = (one["search_questions"], f"{worst:.3f}", one["batches"], one["false_alarms"], one["tokens_a_batch"])
        table.add_row(name, f"{one['search_seconds']:.0f}", *map(str, figures))
    console.print(table)
    table = Table("swap", "batches to the alarm", "with 6 learned", "with 14", "scores")
    for name, one in report["swaps"].items():
        learned = (one["after_batches_learned_from_six"], one["after_batches_learned_from_fourteen"])
        table.add_row(name, str(one["after_batches"]), *map(str, learned), str(one["scores"]))
    console.print(table)
    for line in report["missed"]:
        console.print(f"MISSED {line}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
