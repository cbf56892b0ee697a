"""What the data path promises, and whether a measurement keeps it."""

from collections.abc import Mapping, Sequence

import msgspec

from bench.arithmetic import Spread


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A bound on one figure; `at_least` or else at most.

    Attributes:
        aim: worth reaching, not promised: it does not fail a run.
    """

    figure: str
    bound: float
    at_least: bool = False
    aim: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A target and what was measured; None where nothing was, which does not meet it."""

    target: Target
    value: float | None
    met: bool

    def line(self) -> str:
        """Such as `rps 5,210 (target >= 4,000) ok`."""
        target = self.target
        sign = ">=" if target.at_least else "<="
        value = "not measured" if self.value is None else number(self.value)
        word = "ok" if self.met else "below the aim" if target.aim and target.at_least else "MISSED"
        return f"{target.figure} {value} ({'aim' if target.aim else 'target'} {sign} {number(target.bound)}) {word}"


GATEWAY = (
    Target(figure="rps", bound=4_000, at_least=True),
    Target(figure="rps_x_litellm", bound=60, at_least=True),
    Target(figure="added_p50_us", bound=1_000),
    Target(figure="added_p99_us", bound=3_000),
    Target(figure="stream_cpu_us_per_chunk", bound=100),
    Target(figure="rss_mb", bound=120),
    Target(figure="ready_ms", bound=1_000),
    Target(figure="errors", bound=0),
    Target(figure="rps", bound=10_000, at_least=True, aim=True),
    Target(figure="rps_of_nginx", bound=0.25, at_least=True, aim=True),
)
STREAMS = (
    Target(figure="streams_open_at_once", bound=1_000, at_least=True),
    Target(figure="streams_errors", bound=0),
    Target(figure="streams_ttft_p99_added_ms", bound=100),
)


def judge(targets: Sequence[Target], values: Mapping[str, float | None]) -> list[Verdict]:
    """Compare each target with its figure."""
    return [_judge(target, values.get(target.figure)) for target in targets]


def all_met(verdicts: Sequence[Verdict]) -> bool:
    """Aims do not count."""
    return all(verdict.met for verdict in verdicts if not verdict.target.aim)


def medians(spreads: Mapping[str, Spread | None]) -> dict[str, float | None]:
    return {name: value.median if value else None for name, value in spreads.items()}


def number(value: float) -> str:
    """Readable at any size: 12,282 but 0.25."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _judge(target: Target, value: float | None) -> Verdict:
    met = value is not None and (value >= target.bound if target.at_least else value <= target.bound)
    return Verdict(target=target, value=value, met=met)
