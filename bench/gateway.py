"""`make bench-gateway`: Homeport beside LiteLLM, nginx and no proxy at all; writes bench/results/gateway.json."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from bench import litellm_proxy, nginx_proxy, results
from bench.arithmetic import Spread, difference, ratio, rotated, spread, spreads
from bench.contender import Contender, start_direct
from bench.homeport_gateway import start_homeport
from bench.machine import choose_cores, describe, raise_file_limit
from bench.native import BenchmarkError, mock_upstream
from bench.sitting import QUICK, Held, Plan, Sitting, figures, sit
from bench.targets import GATEWAY, STREAMS, Verdict, all_met, judge, medians

_DIRECT = Contender(name="direct", start=start_direct, rates=(200.0, litellm_proxy.RATE_RPS))
_HOMEPORT = Contender(name="homeport", start=start_homeport, rates=(200.0, litellm_proxy.RATE_RPS))
_OTHERS = {
    "litellm": Contender(
        name="litellm", start=litellm_proxy.start_litellm, rates=(litellm_proxy.RATE_RPS,), holds_streams=False
    ),
    "nginx": Contender(name="nginx", start=nginx_proxy.start_nginx),
}
_FIND = {"litellm": litellm_proxy.find_litellm, "nginx": nginx_proxy.find_nginx}

Round = dict[str, Sitting]


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = _options(arguments)
    console = results.make_console()
    contenders, skipped = _present(console, options.without)
    plan = QUICK if options.quick else Plan(rounds=options.rounds)
    raise_file_limit()
    machine = describe()
    rounds = [_run_round(console, contenders, plan, turn) for turn in range(plan.rounds)]
    summary = summarise(rounds, contenders)
    verdicts = _judge(rounds, summary)
    path = results.write(
        "gateway.json",
        {
            **{name: _flat(contenders[name], values, rounds) for name, values in summary.items()},
            **dict.fromkeys(skipped),
            "ratios": _ratios(rounds),
            "targets": [{"line": verdict.line(), "met": verdict.met} for verdict in verdicts],
            "skipped": skipped,
            "machine": machine,
            "plan": plan,
            "rounds": rounds,
        },
    )
    results.show_table(console, summary, {name: contenders[name].rates[0] for name in summary})
    results.warn_of_noise(console, summary)
    results.show_verdicts(console, verdicts)
    console.print(f"{path.relative_to(results.FOLDER.parents[1])} has the rounds and the machine")
    return 0 if all_met(verdicts) else 1


def summarise(rounds: Sequence[Round], contenders: Mapping[str, Contender]) -> dict[str, dict[str, Spread | None]]:
    """Every figure of every contender over the rounds."""
    return {
        name: spreads([figures(sittings[name], sittings["direct"], contender.rates[0]) for sittings in rounds])
        for name, contender in contenders.items()
    }


def added_ttft_ms(held: Held | None, direct: Held | None) -> float | None:
    """What a proxy adds to the 99th percentile of the time to the first chunk."""
    return difference(held.ttft_p99_ms if held else None, direct.ttft_p99_ms if direct else None)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: does it work, not how fast it is")
    parser.add_argument("--rounds", type=int, default=Plan().rounds)
    parser.add_argument("--without", action="append", default=[], choices=sorted(_OTHERS))
    return parser.parse_args(arguments)


def _present(console: Console, without: Sequence[str]) -> tuple[dict[str, Contender], dict[str, str]]:
    """Those that can be measured here, and why the others cannot."""
    contenders, skipped = {"homeport": _HOMEPORT}, dict.fromkeys(without, "left out on request")
    for name, contender in _OTHERS.items():
        if name in skipped:
            continue
        try:
            _FIND[name]()
            contenders[name] = contender
        except BenchmarkError as error:
            skipped[name] = str(error)
            console.print(f"{name} is skipped: {error}", markup=False)
    return {**contenders, "direct": _DIRECT}, skipped


def _run_round(console: Console, contenders: Mapping[str, Contender], plan: Plan, turn: int) -> Round:
    cores = choose_cores()
    sittings: Round = {}
    for name in rotated(list(contenders), turn):
        console.print(f"round {turn + 1} of {plan.rounds}: {name}", markup=False)
        with mock_upstream(cores.load) as mock:
            sittings[name] = sit(contenders[name], mock, cores, plan)
    return sittings


def _flat(contender: Contender, values: Mapping[str, Spread | None], rounds: Sequence[Round]) -> dict[str, object]:
    sittings = [sittings[contender.name] for sittings in rounds]
    flat: dict[str, object] = {
        **medians(values),
        "rate_rps": contender.rates[0],
        "errors": sum(sitting.errors for sitting in sittings),
        "about": sittings[0].about,
        "spread": values,
    }
    for rate in contender.rates[1:]:
        at_rate = spreads([figures(one[contender.name], one["direct"], rate) for one in rounds])
        flat[f"at_{rate:g}_rps"] = {name: at_rate[name] for name in ("added_p50_us", "added_p99_us")}
    if contender.holds_streams:
        flat["streams"] = _held(contender.name, rounds)
    return flat


def _held(name: str, rounds: Sequence[Round]) -> dict[str, object]:
    held = [one for sittings in rounds if (one := sittings[name].held) is not None]
    added = spread([added_ttft_ms(one[name].held, one["direct"].held) for one in rounds])
    return {
        "concurrent": min(one.concurrent for one in held),
        "open_at_once": min(one.open_at_once for one in held),
        "errors": sum(one.errors for one in held),
        "ttft_p99_added_ms": added and added.median,
        "spread": added,
    }


def _ratios(rounds: Sequence[Round]) -> dict[str, Spread | None]:
    """Within each round, so that a slow moment of the machine is in both."""

    def over(name: str) -> Spread | None:
        return spread([ratio(one["homeport"].rps, one[name].rps if name in one else None) for one in rounds])

    return {"rps_x_litellm": over("litellm"), "rps_of_nginx": over("nginx")}


def _judge(rounds: Sequence[Round], summary: Mapping[str, Mapping[str, Spread | None]]) -> list[Verdict]:
    held = _held("homeport", rounds)
    values: dict[str, float | None] = {
        **medians(summary["homeport"]),
        **medians(_ratios(rounds)),
        "errors": sum(sittings["homeport"].errors for sittings in rounds),
    }
    streams = {f"streams_{name}": value for name, value in held.items() if isinstance(value, int | float)}
    return [*judge(GATEWAY, values), *judge(STREAMS, streams)]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchmarkError as error:
        sys.exit(str(error))
