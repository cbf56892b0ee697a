"""`homeport inspect`: what happened inside the model when it gave an answer."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.bootstrap import inspect as inspecting
from homeport.cli.context import Context, Json, check_text
from homeport.core.captured import Captured
from homeport.core.errors import ConfigError
from homeport.core.types import DataClass, Surface
from homeport.inspection.charts import require_plots
from homeport.inspection.findings import Inside
from homeport.inspection.heads import Head, read_changes, read_head, read_sweep
from homeport.inspection.maps import busiest_head, has_head, links
from homeport.inspection.question import Question
from homeport.inspection.report import Subject, parting, render
from homeport.inspection.run import MOST_ANSWER, MOST_TOKENS, Plan, Told, look_inside
from homeport.inspection.visible import visible
from homeport.packages.base import FileRole, StoredPackage

_MOST_BYTES = 100 << 20
_SHOWN = 300
_LINKED = 24


def register(app: typer.Typer) -> None:
    app.command()(inspect)


def inspect(
    context: typer.Context,
    request: Annotated[
        str | None,
        typer.Argument(callback=lambda text: text and check_text(text), help="The id of a request or trace."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A file with a whole request, as JSON.")] = None,
    surface: Annotated[Surface, typer.Option(help="In whose words the file is.")] = Surface.CHAT,
    prompt: Annotated[str | None, typer.Option(help="A question of your own.")] = None,
    private: Annotated[bool, typer.Option("--private", help="The file or the prompt is private: say so.")] = False,
    package: Annotated[str | None, typer.Option(help="The package to run. Left out: the one that answered.")] = None,
    ablate: Annotated[list[str] | None, typer.Option(metavar="LAYER.HEAD", help="Remove this head.")] = None,
    scale: Annotated[
        list[str] | None, typer.Option(metavar="LAYER.HEAD=FACTOR", help="Multiply what this head says.")
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="LAYER", help="Remove each head of this layer by itself; `all` for every.")
    ] = None,
    head: Annotated[str | None, typer.Option(metavar="LAYER.HEAD", help="Whose attention is shown large.")] = None,
    max_tokens: Annotated[
        int, typer.Option(min=16, max=MOST_TOKENS, help="Tokens of the prompt; of a longer one the last are run.")
    ] = 1_024,
    max_answer: Annotated[int, typer.Option(min=1, max=MOST_ANSWER, help="Tokens of the answer.")] = 64,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    python: Annotated[str | None, typer.Option(help="The interpreter that has torch and transformers.")] = None,
    timeout: Annotated[float, typer.Option(min=1, max=86_400, help="Seconds for all of it.")] = 900.0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the report goes.")] = None,
    json: Json = False,
) -> None:
    """Run a request again with transformers, and report what happens inside: tokens, attention, logit lens, heads.

    The request was kept (`capture.enabled`), or is a file, or a prompt. The report is one HTML page, which its owner
    alone can read; with --json the figures are printed, and a page is written only where --output names one.

    Example: homeport inspect req_5d41402abc4b2a7600000007 --ablate 5.3
    """
    state: Context = context.obj
    captured, question = _asked(state, request, file, surface, prompt)
    stored = inspecting.inspected_package(state.settings, state.home, package, captured)
    plan = Plan(
        question=question,
        model=inspecting.inspected_model(state.home, stored),
        change=read_changes(ablate or [], scale or []),
        sweep=None if sweep is None else _layers(sweep),
        max_tokens=max_tokens,
        max_answer=max_answer,
        dtype=_dtype(dtype),
    )
    chosen = None if head is None else read_head(head)
    writes = output is not None or not json
    if writes:
        require_plots()  # before minutes of work, not after them
    with _told(state, json) as tell:
        inside = look_inside(plan, inspecting.inspecting_python(state.settings, python), timeout=timeout, tell=tell)
    subject = _subject(state, captured, question, stored, private)
    _check_head(inside, chosen)
    report = _write(state, inside, subject, chosen, plan, output) if writes else None
    if json:
        state.print_json(_plain(inside, subject, chosen, report))
    else:
        _say(state, inside, plan, report)


def _asked(
    state: Context, request: str | None, file: Path | None, surface: Surface, prompt: str | None
) -> tuple[Captured | None, Question]:
    if [request is None, file is None, prompt is None].count(False) != 1:
        raise ConfigError(
            "say either a request, --file or --prompt", code="inspect_subject_missing", hint="homeport inspect -h"
        )
    if request is not None:
        captured = inspecting.find_captured(state.settings, state.home, request)
        return captured, inspecting.question_of_captured(captured)
    if file is not None:
        return None, inspecting.question_of(surface, _read(file))
    # What was no UTF-8 on the command line is in no prompt.
    text = (prompt or "").encode("utf-8", "replace").decode()
    return None, Question(messages=({"role": "user", "content": text},))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise ConfigError(
            f"{ascii(str(path))[:200]} cannot be read: {why}",
            code="inspect_file_unreadable",
            hint="name a file with a request as JSON",
        ) from error


def _layers(sweep: str) -> int | Literal["all"]:
    layer = read_sweep(sweep)
    return "all" if layer is None else layer


def _dtype(name: str) -> Literal["float32", "bfloat16"]:
    if name == "float32":
        return "float32"
    if name == "bfloat16":
        return "bfloat16"
    raise ConfigError(
        f"{ascii(name)[:40]} is not computed with", code="inspect_dtype_unknown", hint="--dtype float32 or bfloat16"
    )


def _check_head(inside: Inside, head: Head | None) -> None:
    if head is not None and not has_head(inside, head):
        layers, heads = inside.attention.shape[:2]
        hint = f"layers are 0 to {layers - 1}, heads 0 to {heads - 1}"
        raise ConfigError(f"there is no head {head}", code="inspect_head_unknown", hint=hint)


def _subject(
    state: Context, captured: Captured | None, question: Question, package: StoredPackage, private: bool
) -> Subject:
    facts = [("Package", f"{package.name} {package.version}"), ("Digest", package.digest)]
    if adapters := ", ".join(file.filepath for file in package.find(FileRole.ADAPTER)):
        facts.append(("Adapters", f"{adapters}, added to the weights as it was trained"))
    if captured is None:
        said = DataClass.PRIVATE if private else DataClass.OPEN
        return Subject(title="a question of your own", data_class=said.value, facts=tuple(facts))
    same = inspecting.served_the_same(state.settings, package, captured)
    facts += [
        ("When", datetime.fromtimestamp(captured.at / 1e9, UTC).isoformat(timespec="seconds")),
        ("Answered by", f"{captured.target} at {captured.upstream}"),
        ("Served then", "from these bytes and options" if same else "from other bytes or options than now"),
    ]
    return Subject(
        title=captured.request_id,
        data_class=captured.data_class.value,
        facts=tuple(facts),
        recorded=question.answer,
    )


def _write(
    state: Context, inside: Inside, subject: Subject, head: Head | None, plan: Plan, output: Path | None
) -> Path:
    page = render(inside, subject, head, plan.change)
    path = output or state.home.inspections / f"{_stem(subject)}.html"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    bootstrap.replace_secret(path, page.encode("utf-8", "replace"))
    return path


def _stem(subject: Subject) -> str:
    return subject.title if subject.title.startswith("req_") else time.strftime("prompt-%Y%m%d-%H%M%S")


@contextmanager
def _told(state: Context, json: bool) -> Iterator[Callable[[Told], None]]:
    """What the child does, on a terminal; a line for each step on a pipe; nothing beside JSON."""
    if json:
        yield lambda _: None
        return
    if not state.console.is_terminal:
        yield lambda told: None if told.error or told.done else state.console.print(f"  {escape(told.step)} ...")
        return
    with state.console.status("starting") as status:
        yield lambda told: status.update(escape(told.step) + (f" {told.done + 1}/{told.total}" if told.total else ""))


def _say(state: Context, inside: Inside, plan: Plan, report: Path | None) -> None:
    found = inside.findings
    out = state.console.print
    text = "".join(token.text for token in found.greedy)
    out(f"it says   {escape(visible(text, _SHOWN))}")
    if found.answer:
        out(f"answer    {len(found.answer)} tokens, log-probability {found.answer_logprob:.3f} nats")
    if plan.question.answer is not None and (part := parting(found)):
        out(f"parts     at token {part['place']}: {escape(visible(part['token'].text))} was recorded")
    if found.change is not None:
        _say_change(state, inside, plan)
    for one in sorted(found.sweep, key=lambda one: -abs(one.difference))[:5]:
        out(f"without   head {one.layer}.{one.head}: {one.difference:+.3f} nats")
    if report is not None:
        out(f"report    {escape(str(report))}", soft_wrap=True)


def _say_change(state: Context, inside: Inside, plan: Plan) -> None:
    found = inside.findings
    assert found.change is not None
    after = sum(found.change.logprobs)
    heads = ", ".join(f"{one.head} times {one.factor:g}" for one in plan.change)
    said = "".join(token.text for token in found.change.greedy)
    same = found.change.greedy == found.greedy
    state.console.print(f"changed   {heads}: {after:.3f} nats ({after - found.answer_logprob:+.3f})")
    state.console.print(f"it says   {'the same' if same else escape(visible(said, _SHOWN))}")


def _plain(inside: Inside, subject: Subject, head: Head | None, report: Path | None) -> Mapping[str, Any]:
    found = inside.findings
    chosen = head or busiest_head(inside)
    places = range(found.first_answer, len(found.tokens))[:_LINKED]
    return {
        "subject": msgspec.to_builtins(subject),
        "answer_logprob": found.answer_logprob,
        "changed_answer_logprob": None if found.change is None else sum(found.change.logprobs),
        "attention": {
            "head": str(chosen),
            "links": [{"token": place, "to": links(inside, chosen, place - 1)} for place in places],
        },
        "findings": found,
        "report": None if report is None else str(report),
    }
