"""`make bench-soak`: 100,000 requests of all kinds, a tenth of them with faults; writes bench/results/soak.json."""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import leaks, results, traffic
from bench.contender import Running
from bench.homeport_gateway import State
from bench.leaks import Sample, Tally
from bench.machine import Cores, choose_cores, describe, open_files, raise_file_limit, rss_mb
from bench.native import BenchmarkError, Mock, Report, Request, load, mock_upstream
from bench.targets import all_met, judge

_PARTS = 5
_FAULTS = 0.10
_CLIENT_TIMEOUT_S = 20
_CONNECTIONS = 64
_FIRST_REQUESTS = 200
# Longer than the gateway keeps an idle upstream connection.
_REST_S = 90.0
_POLL_S = 0.5

# Stalls must end soon. An open circuit would answer for the upstream, at once: the soak would be of nothing else.
_SETTINGS = """\
timeouts: {first_token: 2, between_tokens: 2, total: 4}
breaker: {failures: 1000, window: 10000}
"""
_MIX = (
    Request(name="whole", weight=45, body=traffic.chat()),
    Request(name="stream", weight=25, body=traffic.chat(chunks=20)),
    Request(name="embedding", weight=15, path="/v1/embeddings", body=traffic.embedding()),
    Request(name="left_whole", weight=7, end="leave_20", body=traffic.chat("delay_us=200000;")),
    Request(name="left_stream", weight=8, end="leave_at_chunk", body=traffic.chat("pace_us=20000;", chunks=50)),
)


def main(arguments: Sequence[str]) -> int:
    """0 if nothing leaked and nothing was lost."""
    options = _options(arguments)
    raise_file_limit()
    cores, console = choose_cores(), results.make_console()
    with tempfile.TemporaryDirectory() as folder, mock_upstream(cores.load, faults=options.faults) as mock:
        state = State(Path(folder), mock, _SETTINGS)
        with state.run(cores) as running:
            soak = _Soak(running, mock, cores)
            soak.ask(_FIRST_REQUESTS)
            before = soak.rest()
            for part in range(_PARTS):
                soak.ask(options.requests // _PARTS)
                sample = soak.rest(connections_too=part == _PARTS - 1)
                console.print(f"part {part + 1} of {_PARTS}: {sample.requests:,} requests, {sample.rss_mb:.1f} MB")
        ledger = json.loads(state.command("cost", "--by", "outcome", "--json"))
        stats = mock.stats()
    tally = _tally(soak.reports, stats, ledger["requests"])
    warm, after = soak.samples[1], soak.samples[-1]
    verdicts = judge(leaks.TARGETS, leaks.figures(before, warm, after, tally))
    kinds = {kind.name: leaks.merged([one.kinds[kind.name].ended for one in soak.reports]) for kind in _MIX}
    content = {
        "figures": leaks.figures(before, warm, after, tally),
        "targets": [{"line": verdict.line(), "met": verdict.met} for verdict in verdicts],
        "tally": tally,
        "ended": kinds,
        "statuses": leaks.merged([kind.statuses for one in soak.reports for kind in one.kinds.values()]),
        "codes": leaks.by_label(soak.page, "homeport_errors_total", "code"),
        "attempts": leaks.by_label(soak.page, "homeport_upstream_attempts_total", "error"),
        "ledger": {group["group"]: group["requests"] for group in ledger["groups"]},
        "mock": stats,
        "samples": soak.samples,
        "machine": describe(),
    }
    results.write("soak.json", content)
    for name, ended in kinds.items():
        console.print(f"{name}: {', '.join(f'{count:,} {how}' for how, count in ended.items())}", markup=False)
    results.show_verdicts(console, verdicts)
    return 0 if all_met(verdicts) else 1


class _Soak:
    """One gateway under load, and what it looked like each time it came to rest."""

    def __init__(self, running: Running, mock: Mock, cores: Cores) -> None:
        self._running = running
        self._mock = mock
        self._cores = cores
        self.reports: list[Report] = []
        self.samples: list[Sample] = []
        self.page = ""

    def ask(self, requests: int) -> None:
        running = self._running
        self.reports.append(
            load(
                self._cores.load,
                running.port,
                running.key,
                _MIX,
                connections=_CONNECTIONS,
                requests=requests,
                timeout=_CLIENT_TIMEOUT_S,
                seed=len(self.reports),
            )
        )

    def rest(self, connections_too: bool = True) -> Sample:
        """Wait until nothing is in flight, and no upstream connection is open; what is left by then has leaked."""
        deadline = time.monotonic() + _REST_S
        while True:
            sample = self._sample()
            busy = sample.in_flight or (connections_too and sample.upstream_connections)
            if not busy or time.monotonic() > deadline:
                self.samples.append(sample)
                return sample
            time.sleep(_POLL_S)

    def _sample(self) -> Sample:
        self.page = page = _get(self._running, "/metrics")
        return Sample(
            requests=sum(report.requests for report in self.reports),
            rss_mb=rss_mb(self._running.pid),
            open_files=open_files(self._running.pid),
            in_flight=leaks.gauge(page, "homeport_requests_in_flight") or 0,
            tasks=leaks.gauge(page, "homeport_tasks"),
            upstream_connections=self._mock.stats()["open"],
        )


def _get(running: Running, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {running.key}", "connection": "close"})
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchmarkError(f"{path} answered {answer.status}")
    return text


def _tally(reports: Sequence[Report], stats: dict[str, int], recorded: int) -> Tally:
    return Tally(
        asked=sum(report.requests for report in reports),
        resent=sum(report.resent for report in reports),
        errors=sum(report.errors for report in reports),
        injected=sum(count for name, count in stats.items() if name.startswith("fault_") and name != "fault_none"),
        recorded=recorded,
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--faults", type=float, default=_FAULTS, help="share of requests that the upstream spoils")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchmarkError as error:
        sys.exit(str(error))
