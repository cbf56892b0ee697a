"""`homeport trace ID`: one request, whole."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.trace_list import moment, outcome_of
from homeport.core.money import format_usd
from homeport.inspection.visible import shown, visible_line
from homeport.ledger.bill import Bill
from homeport.storage.ingest import ingest
from homeport.traces.detail import RequestDetail, Step
from homeport.traces.detail_view import bill_view, detail_view
from homeport.traces.said import Said

_BAR = 40
_LONGEST = 20_000
"""Characters of one message that are shown; --json has all."""
_WORD = 160


def register(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    context: typer.Context,
    request: Annotated[str, typer.Argument(callback=check_text, help="The id of a request or a trace.")],
    json: Json = False,
) -> None:
    """Show a request whole: what was tried, why it went there, what it cost, what was said. `show` may be left out.

    Of a trace the last request is shown. What was said is there where the request was kept (`capture`).

    Example: homeport trace req_5d41402abc4b2a7600000007
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    detail = bootstrap.detail_reader(state.settings, state.home, engine).find(request)
    if json:
        state.print_json(detail_view(detail))
        return
    for part in _parts(detail):
        state.console.print(part)


def _parts(detail: RequestDetail) -> Iterator[RenderableType]:
    yield _head(detail)
    if detail.steps:
        yield _waterfall(detail.steps)
    yield _bill(detail.bill)
    if detail.said is not None:
        yield from _said(detail.said)
    else:
        yield Text(detail.unreadable or "What was said was not kept (capture in homeport.yaml).", style="dim")
    for word in detail.words:
        yield _line("said of it", f"{word.source} {word.score:+g} {word.comment}")
    if detail.others:
        yield _line("same trace", ", ".join(detail.others[:10]))


def _head(detail: RequestDetail) -> RenderableType:
    row, route, by = detail.row, detail.route, detail.answered_by
    lines = [
        Text(visible_line(row.request_id, _WORD), style="bold"),
        _line("began", f"{moment(row.started_at)} UTC, took {row.latency_ns / 1e9:.3f} s{_first_byte(detail)}"),
        _line("ended", f"{outcome_of(row)}, HTTP {row.status}"),
        _line("asked by", f"{row.key_id} of {row.project}{_named(' for user ', row.end_user)}"),
        _line("asked for", f"{row.requested_model} on /v1/{row.surface}{', a stream' if row.stream else ''}"),
        _line("went to", f"{route.tier} · {route.target} ({by.upstream}: {by.model})" if route.target else "nobody"),
        _line("because", f"{route.reason}{_learned(detail)}"),
        _line("tokens", f"{row.input_tokens:,} in, {row.output_tokens:,} out{', estimated' if row.estimated else ''}"),
    ]
    if row.cache:
        lines.append(_line("cache", f"{row.cache}{_named(', entry ', row.cache_entry)}"))
    if row.trace_id:
        lines.append(_line("trace", row.trace_id))
    if by.engine is not None:
        lines.append(_line("engine", _engine(detail)))
    if by.system_fingerprint:
        lines.append(_line("says it is", by.system_fingerprint))
    return Group(*lines)


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<11}", "dim"), visible_line(text, 1_000))


def _named(before: str, text: str) -> str:
    return f"{before}{text}" if text else ""


def _first_byte(detail: RequestDetail) -> str:
    return f", first byte after {detail.row.ttft_ns / 1e9:.3f} s" if detail.row.ttft_ns else ""


def _learned(detail: RequestDetail) -> str:
    told = detail.route.learned
    if told is None:
        return ""
    score = "" if told.score is None else f", score {told.score:.3f} of version {told.router_version}"
    explored = ", to learn" if told.explored else ""
    escalation = f", after {told.escalation}" if told.escalation else ""
    return f"; decided {told.decided} with probability {told.propensity:.2f}{score}{explored}{escalation}"


def _engine(detail: RequestDetail) -> str:
    by = detail.answered_by
    assert by.engine is not None
    package = f", package {by.engine.package[:19]}" if by.engine.package else ""
    same = {True: "the same as answered", False: "another than answered", None: "as it runs now"}[by.same]
    return f"{by.engine.build or by.engine.engine}{package}, profile {by.engine.profile}: {same}"


def _waterfall(steps: tuple[Step, ...]) -> Table:
    whole = max(max(step.ended_ns for step in steps), 1)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("call", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("became", overflow="fold")
    for step in steps:
        start = step.began_ns * _BAR // whole
        length = max(1, (step.ended_ns - step.began_ns) * _BAR // whole)
        bar = Text(" " * start + "█" * min(length, _BAR + 1 - start), style="red" if step.error else "green")
        seconds = f"{(step.ended_ns - step.began_ns) / 1e9:.3f}"
        became = Text(visible_line(step.error or "answered", _WORD))
        table.add_row(Text(visible_line(step.target, _WORD)), bar, seconds, became)
    return table


def _bill(bill: Bill) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_footer=True)
    table.add_column("cost", "in all" if bill.exact else "in all, at another price than now", overflow="fold")
    table.add_column("units", justify="right", no_wrap=True)
    table.add_column("$ a unit", justify="right", no_wrap=True)
    table.add_column("$", format_usd(bill.total), justify="right", no_wrap=True)
    told = bill_view(bill)["lines"]
    assert isinstance(told, list)
    for line, plain in zip(bill.lines, told, strict=True):
        units = f"{line.units / 1e9:.3f} s" if line.unit == "ns" else f"{line.units:,} {line.unit}"
        rate = f"{plain['rate_usd']} a {plain['per']}" if plain["rate_usd"] else ""
        table.add_row(Text(visible_line(line.what, _WORD)), units, rate, format_usd(line.cost))
    return table


def _said(said: Said) -> Iterator[RenderableType]:
    for message in said.messages:
        yield _panel(message.role, message.text)
    answer = said.answer if said.answer or said.tool_calls else "(nothing)"
    yield _panel(f"answer{_named(', ended: ', said.finish)}", answer, style="green")
    for call in said.tool_calls:
        yield _panel(f"calls {call.name}", call.arguments, style="green")


def _panel(title: str, text: str, style: str = "dim") -> Panel:
    return Panel(
        Text(shown(text, _LONGEST)), title=Text(visible_line(title, 60)), title_align="left", border_style=style
    )
