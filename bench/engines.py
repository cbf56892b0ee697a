"""`make bench-engines`: one package on llama.cpp, on transformers and on vLLM, by the same three lines of Python.

The example package (`examples/packages/smollm2`) is built once. On each engine: how long `homeport.Engine(...).load`
takes, the first time, when a GGUF may have to be dequantised, and again; what it says to one prompt; how fast it reads
and writes; and what memory its processes take. Then a gateway runs in front of it, and is asked the same request.

vLLM and transformers compute in float32 what llama.cpp computes in the package's own four bits.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

import homeport
from bench import results
from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, SMOLLM2, environment
from homeport.engines.speed import measure

ENGINES = ("llamacpp", "transformers", "vllm")
RECIPE = Path(__file__).parents[1] / "examples" / "packages" / "smollm2" / "homeport.package.yaml"
_PROMPT = "The capital of France is"
_QUESTION = "What is the capital of France?"
_READY_SECONDS = 400.0
_COLUMNS = {
    "first_load_s": "first load s",
    "load_s": "load s",
    "prefill_tokens_per_s": "reads tokens/s",
    "decode_tokens_per_s": "writes tokens/s",
    "ttft_ms": "TTFT ms",
    "memory_mib": "memory MiB",
    "gateway_s": "through the gateway s",
}
_CONFIG = """
packages:
  smollm2: {weights}
engines:
  smollm2: {{engine: {engine}, package: smollm2, hourly_cost_usd: "0.05"}}
tiers:
  - name: local
    targets: [{{model: smollm2, engine: smollm2, timeouts: {{first_token: 120, total: 300}}}}]
"""


def main(arguments: Sequence[str]) -> int:
    """Print the table, write bench/results/engines.json; 1 where an engine does not answer."""
    parser = argparse.ArgumentParser(prog="make bench-engines", description=__doc__)
    parser.add_argument("--engines", nargs="+", default=ENGINES)
    parser.add_argument("--rounds", type=int, default=3, help="of each measured speed")
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {"settings": vars(options), "engines": {}}
    with tempfile.TemporaryDirectory() as folder:
        _configure(Path(folder), ENGINES[0])
        # What the configuration asks for comes first, so that the built version is chosen over it.
        _run(Path(folder), "package", "pull", "smollm2")
        _run(Path(folder), "package", "build", str(RECIPE), "--use")
        for name in options.engines:
            _configure(Path(folder), name)
            report["engines"][name] = _alone(Path(folder), options.rounds) | _behind_a_gateway(Path(folder))
            print(json.dumps({name: report["engines"][name]}, indent=1), file=sys.stderr, flush=True)
    report["missed"] = [name for name, told in report["engines"].items() if told["status"] != 200 or not told["says"]]
    results.write("engines.json", report)
    _show(report["engines"])
    return 1 if report["missed"] else 0


def _configure(folder: Path, engine: str) -> None:
    (folder / "homeport.yaml").write_text(_CONFIG.format(weights=json.dumps(SMOLLM2), engine=engine))


def _alone(folder: Path, rounds: int) -> dict[str, Any]:
    """The engine by the Python API, in a process of its own so that its environment is this bench's."""
    argv = (sys.executable, "-m", "bench.engines", "--one", str(folder / "homeport.yaml"), str(rounds))
    done = subprocess.run(argv, env=environment(folder / "home"), check=True, stdout=subprocess.PIPE)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def one(config: Path, rounds: int) -> dict[str, Any]:
    """What is told of the engine `smollm2` of a configuration."""
    started = time.monotonic()
    homeport.Engine("smollm2", config=config).load("smollm2").close()
    first = time.monotonic() - started

    started = time.monotonic()
    with homeport.Engine("smollm2", config=config).load("smollm2") as model:
        load = time.monotonic() - started
        says = str(model.generate(_PROMPT, seed=7, max_tokens=12))
        speed = measure(model.client, model.model, 1, rounds=rounds)
        assert model.pid is not None
        memory = memory_mib(model.pid)
        fingerprint = model.endpoint.fingerprint
    assert fingerprint is not None
    return {
        "build": fingerprint.build,
        "package": fingerprint.package,
        "first_load_s": first,
        "load_s": load,
        "says": says,
        "prefill_tokens_per_s": speed.prefill_tokens_per_s,
        "decode_tokens_per_s": speed.decode_tokens_per_s,
        "ttft_ms": speed.ttft_ms,
        "memory_mib": memory,
    }


def memory_mib(group: int) -> float:
    """Resident memory of a process group, shared pages counted once: the sum of their proportional shares."""
    return sum(_share_kib(pid) for pid in _members(group)) / 1024


def _members(group: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getpgid(int(entry.name)) == group:
                    yield int(entry.name)
            except ProcessLookupError:
                continue


def _share_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _behind_a_gateway(folder: Path) -> dict[str, Any]:
    port = free_port()
    with process((*PROGRAM, "up"), folder=folder, environment=environment(folder / "home", port)) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        return _ask(port, (folder / "home" / "local.key").read_text().strip())


def _ask(port: int, key: str) -> dict[str, Any]:
    body = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": _QUESTION}],
        "max_tokens": 24,
        "temperature": 0,
        "seed": 7,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    started = time.monotonic()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    said = answer["choices"][0]["message"]["content"] if response.status == 200 else answer
    return {"status": response.status, "answers": said, "gateway_s": time.monotonic() - started}


def _run(folder: Path, *arguments: str) -> None:
    done = subprocess.run((*PROGRAM, *arguments), env=environment(folder / "home"), cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"homeport {' '.join(arguments)} ended with {done.returncode}")


def _show(engines: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("", "build", *_COLUMNS.values(), "through the gateway")
    for name, told in engines.items():
        figures = (f"{told[column]:.1f}" for column in _COLUMNS)
        table.add_row(name, told["build"], *figures, f"{told['status']}: {told['answers']}")
    results.make_console().print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(Path(sys.argv[2]), int(sys.argv[3]))))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
