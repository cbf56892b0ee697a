"""`homeport review`: people say how good answers are, here, in the console or with other tools."""

import time
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.bootstrap.capture import body_store
from homeport.cli.context import Context, Json, check_text
from homeport.core.captured import Captured
from homeport.core.errors import InvalidRequest, NotFound
from homeport.evaluation.review import queue_rules
from homeport.inspection.visible import shown
from homeport.jobs.standing import Bounds, compute
from homeport.storage.labels import LEAST_RATING, MOST_NOTE, MOST_RATING, Label, Refused, add_label
from homeport.storage.review_queue import QueueRules, hand_out, waiting
from homeport.storage.standing_quality import Interval, QualityStanding
from homeport.traces.said import Said, said

app = typer.Typer(help="People say how good answers are, and how far they agree with the judge.", no_args_is_help=True)

_LONGEST = 20_000
_WHY = {
    Refused.UNKNOWN: "no such output was measured here, or it is forgotten",
    Refused.NOT_DRAWN: "it was not drawn for people, so no estimate could weigh a label of it",
    Refused.LABELLED: "you have labelled it",
    Refused.COMPLETE: "it has all the labels that it needs",
}

Reviewer = Annotated[
    str, typer.Option(callback=check_text, help="Who labels. Left out: the user of this machine.", show_default=False)
]


@app.command("next")
def next_(context: typer.Context, reviewer: Reviewer = "", json: Json = False) -> None:
    """An answer that waits for your label; for some minutes nobody else is shown it.

    Example: homeport review next
    """
    state: Context = context.obj
    engine, bodies = bootstrap.open_storage(state.settings, state.home), body_store(state.settings, state.home)
    hand = hand_out(engine, reviewer or state.actor.name, rules_of(state), time.time_ns(), bodies.has)
    kept = bodies.get(hand[0].request_id) if hand else None
    if json:
        state.print_json({"output": None if kept is None else plain_item(kept)})
    elif kept is None:
        state.console.print("No answer waits for you.")
    else:
        _show(state, kept.request_id, said(kept))


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    json: Json = False,
) -> None:
    """Answers that wait for labels, in the order in which they are given out.

    Example: homeport review list --limit 20
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    rows = waiting(engine, rules_of(state), time.time_ns(), limit)
    if json:
        state.print_json(
            {"outputs": [{**msgspec.structs.asdict(row), "started_at": row.started_at / 1e9} for row in rows]}
        )
        return
    if not rows:
        state.console.print("No answer waits for a label.")
        return
    table = Table("id", "answered", "labels", box=box.SIMPLE_HEAD)
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.started_at / 1e9))
        table.add_row(escape(row.request_id), f"{when} UTC", f"{row.has} of {row.needs}")
    state.console.print(table)


@app.command()
def label(
    context: typer.Context,
    output: Annotated[str, typer.Argument(callback=check_text, help="The id of the request that was answered.")],
    rating: Annotated[int, typer.Argument(help="From 1, useless, to 5, as good as can be.")],
    note: Annotated[str, typer.Option(help="Kept with the rating.")] = "",
    reviewer: Reviewer = "",
    json: Json = False,
) -> None:
    """Say how good an answer is.

    Example: homeport review label req_5d41402abc4b2a7600000007 4 --note "right, but too long"
    """
    state: Context = context.obj
    _check(rating, note)
    by = reviewer or state.actor.name
    made = Label(request_id=output, reviewer=by, labelled_at=time.time_ns(), rating=rating, note=note)
    refused = add_label(bootstrap.open_storage(state.settings, state.home), made, rules_of(state))
    if refused is not None:
        _refuse(output, refused)
    if json:
        state.print_json({"id": output, "reviewer": by, "rating": rating})
    else:
        state.console.print(f"{escape(by)} gives {escape(output)} a {rating}.", soft_wrap=True)


@app.command()
def agreement(context: typer.Context, json: Json = False) -> None:
    """How far reviewers agree with the judge and with each other, over the period of the estimates.

    Example: homeport review agreement --json
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    found = compute(engine, Bounds(period_ns=rules_of(state).period_ns), time.time_ns())
    if json:
        state.print_json({"routes": found.rows, "reviewers": found.reviewers})
    elif not found.reviewers:
        state.console.print("Nobody has labelled an answer of this period.")
    else:
        _tell(state, found)


def rules_of(state: Context) -> QueueRules:
    """By which the configuration says that people review what is kept."""
    return queue_rules(state.settings.evaluation.review, body_store(state.settings, state.home).since())


def plain_item(kept: Captured) -> dict[str, Any]:
    """An output as whoever labels it may see it: what was said, and nothing of who answered."""
    told = said(kept)
    return {
        "request_id": kept.request_id,
        "messages": [{"role": turn.role, "text": turn.text} for turn in told.messages],
        "answer": told.answer,
        "tool_calls": [{"name": call.name, "arguments": call.arguments} for call in told.tool_calls],
    }


def _show(state: Context, request_id: str, told: Said) -> None:
    for turn in told.messages:
        state.console.print(f"[bold]{escape(shown(turn.role, 40))}[/]\n{escape(shown(turn.text, _LONGEST))}\n")
    state.console.print(f"[bold]the answer[/]\n{escape(shown(told.answer, _LONGEST))}")
    for call in told.tool_calls:
        state.console.print(f"calls {escape(shown(call.name, 200))} {escape(shown(call.arguments, 2_000))}")
    state.console.print(f"\nnext: homeport review label {escape(request_id)} RATING", soft_wrap=True)


def _check(rating: int, note: str) -> None:
    """Raises InvalidRequest."""
    if not LEAST_RATING <= rating <= MOST_RATING:
        raise InvalidRequest(
            "a rating is a whole number from 1 to 5", code="rating_invalid", param="rating", hint="say 1, 2, 3, 4 or 5"
        )
    if len(note) > MOST_NOTE or "\0" in note:
        raise InvalidRequest(
            f"a note has at most {MOST_NOTE:,} characters", code="note_too_long", param="note", hint="shorten it"
        )


def _refuse(output: str, refused: Refused) -> None:
    """Raises NotFound or InvalidRequest."""
    message = f"{ascii(output)[:80]} is not labelled: {_WHY[refused]}"
    hint = "homeport review next shows one that waits"
    if refused is Refused.UNKNOWN:
        raise NotFound(message, code="output_unknown", hint=hint)
    raise InvalidRequest(message, code="label_refused", hint=hint)


def _tell(state: Context, found: QualityStanding) -> None:
    table = Table("reviewer", "labelled", "with the judge", "kappa", "with others", "kappa", box=box.SIMPLE_HEAD)
    for one in found.reviewers:
        figures = (one.agreement, one.kappa, one.others_agreement, one.others_kappa)
        table.add_row(escape(shown(one.reviewer, 160)), f"{one.labelled:,}", *(_figure(figure) for figure in figures))
    state.console.print(table)
    whole = found.rows[0]
    _line(state, "labels alone", whole.human)
    _line(state, "judge alone", whole.judge)
    _line(state, "corrected", whole.corrected)
    _line(state, "kappa of reviewers", whole.reviewers, f", of {whole.doubled:,} answers that two labelled")
    state.console.print(f"{whole.verdict}: {whole.why}", soft_wrap=True)


def _line(state: Context, name: str, figure: Interval | None, more: str = "") -> None:
    state.console.print(f"{name}: {_figure(figure)}{more}", soft_wrap=True)


def _figure(figure: Interval | None) -> str:
    return "too few to say" if figure is None else f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
