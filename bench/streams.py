"""`make bench-streams`: 1,000 streams open at once, with Homeport and without; writes bench/results/streams.json."""

import argparse
import sys
from collections.abc import Sequence

from bench import results
from bench.contender import Contender, start_direct
from bench.gateway import added_ttft_ms
from bench.homeport_gateway import start_homeport
from bench.machine import choose_cores, describe, raise_file_limit
from bench.native import BenchmarkError, mock_upstream
from bench.sitting import Held, Plan, hold
from bench.targets import STREAMS, all_met, judge

_CONTENDERS = (
    Contender(name="direct", start=start_direct),
    Contender(name="homeport", start=start_homeport),
)


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    parser = argparse.ArgumentParser(prog="bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=Plan().held_streams)
    parser.add_argument("--ramp", type=float, default=Plan().held_ramp, help="seconds in which they are opened")
    options = parser.parse_args(arguments)
    raise_file_limit()
    plan = Plan(held_streams=options.streams, held_ramp=options.ramp)
    direct, homeport = (_held(contender, plan) for contender in _CONTENDERS)
    added = added_ttft_ms(homeport, direct)
    verdicts = judge(
        STREAMS,
        {
            "streams_open_at_once": homeport.open_at_once,
            "streams_errors": homeport.errors,
            "streams_ttft_p99_added_ms": added,
        },
    )
    content = {"homeport": homeport, "direct": direct, "ttft_p99_added_ms": added, "machine": describe()}
    results.write("streams.json", content)
    results.show_verdicts(results.make_console(), verdicts)
    return 0 if all_met(verdicts) else 1


def _held(contender: Contender, plan: Plan) -> Held:
    cores = choose_cores()
    with mock_upstream(cores.load) as mock:
        return hold(contender, mock, cores, plan)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchmarkError as error:
        sys.exit(str(error))
