"""`make bench-tracing`: what spans cost the data path, at 100 % sampling against none.

Two gateways run side by side on one core, each with its jobs worker on the other: one sends the spans of each
request to a collector that takes everything, the other none. They are loaded by turns, for a second or two each, so
that a slow moment of the machine is in both.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.request import urlopen

import msgspec

from bench import results
from bench.homeport_gateway import State
from bench.machine import choose_cores, describe, pinned, raise_file_limit, rss_mb
from bench.native import mock_upstream
from bench.targets import Target, judge
from bench.turns import REST_S, Turn, lost, take

TARGETS = (
    Target(figure="rps_lost_percent", bound=15),
    Target(figure="rss_mb_on", bound=120),
    Target(figure="errors", bound=0),
)
WAYS = ("off", "on")
_TELEMETRY = """\
telemetry:
  export: {{endpoint: "http://127.0.0.1:{port}"}}
  traces: {{enabled: true, sample_ratio: 1.0, max_waiting: 100000}}
"""


class _Sink(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _collect(pipe: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    pipe.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def collector(core: int) -> Iterator[int]:
    """The port of a collector in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with pinned(core):
        process = context.Process(target=_collect, args=(theirs,), daemon=True)
        process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-tracing", description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="of each gateway")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn")
    options = parser.parse_args(arguments)
    raise_file_limit()
    cores = choose_cores()
    turns: dict[str, list[Turn]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, mock_upstream(cores.load) as mock, collector(cores.load) as port:
        states = {
            "off": State(_folder(folder, "off"), mock),
            "on": State(_folder(folder, "on"), mock, _TELEMETRY.format(port=port)),
        }
        with contextlib.ExitStack() as stack:
            running = {way: stack.enter_context(state.run(cores)) for way, state in states.items()}
            for number in range(-1, options.turns):
                for way in WAYS if number % 2 else WAYS[::-1]:
                    turn = take(running[way], cores, options.seconds)
                    if number >= 0:
                        turns[way].append(turn)
            time.sleep(3 * REST_S)
            sent = _sent(running["on"].port)
            memory = {way: rss_mb(running[way].pid) for way in WAYS}
    found = {**figures(turns), **sent, **{f"rss_mb_{way}": value for way, value in memory.items()}}
    verdicts = judge(TARGETS, found)
    report = {
        "settings": vars(options),
        "machine": describe(),
        "figures": {name: round(value, 2) for name, value in found.items()},
        "turns": turns,
    }
    path = results.write("tracing.json", report)
    console = results.make_console()
    console.print_json(msgspec.json.encode(report["figures"]).decode())
    results.show_verdicts(console, verdicts)
    console.print(f"{path.name} has the turns and the machine")
    return 0 if all(verdict.met for verdict in verdicts) else 1


def figures(turns: dict[str, list[Turn]]) -> dict[str, float]:
    """Medians, and what tracing takes of each pair of turns."""
    off, on = turns["off"], turns["on"]
    return {
        "rps_off": statistics.median(one.rps for one in off),
        "rps_on": statistics.median(one.rps for one in on),
        **lost(off, on),
        "cpu_us_off": statistics.median(one.cpu_us for one in off),
        "cpu_us_on": statistics.median(one.cpu_us for one in on),
        "errors": float(sum(one.errors for listed in turns.values() for one in listed)),
    }


def _sent(port: int) -> dict[str, float]:
    """Of how many requests the spans were sent, and were not, by the gateway's own page."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:  # a page of this machine
        lines = page.read().decode().splitlines()
    told = [line for line in lines if line.startswith("homeport_traced_requests_total{")]
    return {f"traced_{line.split('result=')[1].split(chr(34))[1]}": float(line.split()[-1]) for line in told}


def _folder(root: str, name: str) -> Path:
    folder = Path(root) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
