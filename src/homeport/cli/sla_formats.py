"""The month's report for programs, spreadsheets and customers."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

from homeport.core.money import format_usd
from homeport.ledger.objectives import Indicator
from homeport.ledger.sla import Line, ObjectiveReport, Report
from homeport.ledger.slo import Tally

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|#"} | {"\n": " ", "\r": " "})
_COLUMNS = ("month", "complete", "objective", "route", "key_id", "key_name", "requests")
_PAID = ("cost_nanodollars", "cost_usd", "credit_percent", "credit_nanodollars", "credit_usd")


def percent(share: float | Fraction | None) -> str:
    """Percent with three decimals, rounded down, so that what is printed as kept was kept; "-" for None."""
    if share is None:
        return "-"
    # Through the shortest decimal form: 0.999 as a binary fraction is a little less than 99.9 %.
    exact = share if isinstance(share, Fraction) else Fraction(repr(share))
    thousandths = math.floor(exact * 100_000)
    sign = "-" if thousandths < 0 else ""
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{sign}{whole}.{rest:03d} %"


def milliseconds(nanoseconds: int | None) -> str:
    """Whole milliseconds, rounded up; "-" for None."""
    return "-" if nanoseconds is None else f"{-(-nanoseconds // 1_000_000):,} ms"


def as_json(report: Report, names: Mapping[str, str]) -> dict[str, object]:
    """Everything, with money in nano-dollars and in dollars."""
    return {
        "month": str(report.month),
        "complete": report.complete,
        "objectives": [_plain_objective(part, names) for part in report.objectives],
        "keys": [
            {"key_id": key.key_id, "key_name": names.get(key.key_id, ""), **_money(key.cost, key.credit)}
            for key in report.keys
        ],
    }


def as_csv(report: Report, names: Mapping[str, str]) -> str:
    """One line for each objective and key, as RFC 4180 has it."""
    counts = [f"{indicator}_{what}" for indicator in Indicator for what in ("good", "valid")]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*_COLUMNS, *counts, *_PAID))
    for part in report.objectives:
        for line in part.lines:
            writer.writerow(_record(report, part, line, names))
    return text.getvalue()


def as_markdown(report: Report, names: Mapping[str, str]) -> str:
    """A document with a table for each objective and one for the credits."""
    return "\n".join(_document(report, names))


def _plain_objective(part: ObjectiveReport, names: Mapping[str, str]) -> dict[str, object]:
    promises = {
        indicator: {
            "target": promise.share / 1e6,
            **_counts(part.tallies[indicator]),
            **({"within_ns": promise.within_ns, "quantile_ns": part.quantiles[indicator]} if promise.within_ns else {}),
        }
        for indicator, promise in part.objective.promises.items()
    }
    return {"name": part.objective.name, "promises": promises, "keys": [_plain(line, names) for line in part.lines]}


def _plain(line: Line, names: Mapping[str, str]) -> dict[str, object]:
    got = line.got
    return {
        "key_id": got.key_id,
        "key_name": names.get(got.key_id, ""),
        "requests": got.requests,
        **{indicator: _counts(tally) for indicator, tally in got.tallies.items()},
        "credit_percent": line.percent,
        **_money(got.cost, line.credit),
    }


def _counts(tally: Tally) -> dict[str, object]:
    return {"good": tally.good, "valid": tally.valid, "ratio": None if tally.ratio is None else float(tally.ratio)}


def _money(cost: int, credit: int) -> dict[str, object]:
    amounts = {"cost": cost, "credit": credit}
    return {f"{name}_nanodollars": amount for name, amount in amounts.items()} | {
        f"{name}_usd": format_usd(amount) for name, amount in amounts.items()
    }


def _record(report: Report, part: ObjectiveReport, line: Line, names: Mapping[str, str]) -> list[object]:
    got, route = line.got, part.objective.route
    where = route.tier or route.model or route.asked or "all"
    counts = [
        count
        for indicator in Indicator
        for tally in [got.tallies.get(indicator)]
        for count in ((tally.good, tally.valid) if tally else ("", ""))
    ]
    name = names.get(got.key_id, "")
    # A spreadsheet takes such a cell for a formula; the quote makes it text.
    shown = f"'{name}" if name.startswith(_FORMULA) else name
    row = [str(report.month), report.complete, part.objective.name, where, got.key_id, shown, got.requests]
    return [*row, *counts, got.cost, format_usd(got.cost), line.percent, line.credit, format_usd(line.credit)]


def _document(report: Report, names: Mapping[str, str]) -> Iterator[str]:
    yield f"# Service levels of {report.month}\n"
    yield f"Times are UTC.{'' if report.complete else ' The month is not over: this is the report so far.'}\n"
    for part in report.objectives:
        yield from _chapter(part, names)
    yield "## Credits\n"
    yield "| Key | Name | Cost (USD) | Credit (USD) |\n|---|---|---:|---:|"
    for key in report.keys:
        name = names.get(key.key_id, "").translate(_MARKDOWN)
        yield f"| {key.key_id} | {name} | {format_usd(key.cost)} | {format_usd(key.credit)} |"
    yield ""


def _chapter(part: ObjectiveReport, names: Mapping[str, str]) -> Iterator[str]:
    yield f"## {part.objective.name}\n"
    for indicator, promise in part.objective.promises.items():
        within = f" within {milliseconds(promise.within_ns)}" if promise.within_ns else ""
        kept, took = percent(part.tallies[indicator].ratio), part.quantiles[indicator]
        measured = f" ({percent(promise.share / 1e6)} stayed within {milliseconds(took)})" if took is not None else ""
        yield f"- {indicator}: promised {percent(promise.share / 1e6)}{within}, kept {kept}{measured}"
    kinds = list(part.objective.promises)
    yield f"\n| Key | Name | Requests | {' | '.join(kinds)} | Cost (USD) | Credit | Credit (USD) |"
    yield f"|---|---|---:|{'---:|' * (len(kinds) + 3)}"
    for line in part.lines:
        got, name = line.got, names.get(line.got.key_id, "").translate(_MARKDOWN)
        kept = " | ".join(percent(got.tallies[indicator].ratio) for indicator in kinds)
        paid = f"{format_usd(got.cost)} | {line.percent} % | {format_usd(line.credit)}"
        yield f"| {got.key_id} | {name} | {got.requests} | {kept} | {paid} |"
    yield ""
