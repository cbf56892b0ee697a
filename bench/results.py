"""Results as a file for programs and lines for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.arithmetic import Spread
from bench.targets import Verdict, number

FOLDER = Path(__file__).parent / "results"
_QUIET_PERCENT = 90.0
_COLUMNS = {
    "rps": "rps",
    "cpu_us": "CPU us",
    "core_percent": "core %",
    "added_p50_us": "added p50 us",
    "added_p99_us": "added p99 us",
    "stream_cpu_us_per_chunk": "CPU us a chunk",
    "paced_cpu_us_per_chunk": "paced",
    "relay_added_p50_us": "relay added us",
    "rss_mb": "RSS MB",
    "ready_ms": "ready ms",
}


def write(name: str, content: Mapping[str, object]) -> Path:
    """Write bench/results/NAME."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return path


def make_console() -> Console:
    """A terminal's own width; wide where there is none, so that no line of a log is broken."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=180)


def show_table(
    console: Console, figures: Mapping[str, Mapping[str, Spread | None]], rates: Mapping[str, float]
) -> None:
    """A row a contender: medians, with bounds where there were several rounds."""
    table = Table("", "at rps", *_COLUMNS.values())
    for name, spreads in figures.items():
        table.add_row(name, f"{rates[name]:g}", *(_cell(spreads.get(column)) for column in _COLUMNS))
    console.print(table)


def warn_of_noise(console: Console, figures: Mapping[str, Mapping[str, Spread | None]]) -> None:
    """Say so where a proxy that needs its whole core did not get it."""
    share = figures["homeport"].get("core_percent")
    if share and share.min < _QUIET_PERCENT:
        console.print(
            f"homeport got {number(share.min)} % of its core in one round while saturated: "
            "something else runs on this machine, so these figures are too bad to be compared"
        )


def show_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        console.print(verdict.line(), markup=False)


def _cell(value: Spread | None) -> str:
    if value is None:
        return "-"
    bounds = "" if value.min == value.max else f"\n{number(value.min)}..{number(value.max)}"
    return f"{number(value.median)}{bounds}"
