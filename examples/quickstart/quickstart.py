"""Summarise contract passages in plain English through Homeport, streaming, and show what each cost.

Run it with `make quickstart`, or point OPENAI_BASE_URL and OPENAI_API_KEY at a running gateway.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from openai import OpenAI
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

HERE = Path(__file__).parent
DATA = Path(os.environ.get("HOMEPORT_DATA") or HERE.parents[2] / "shared" / "data")
PASSAGES = DATA / "contracts" / "plain_english_contracts.jsonl"
SAMPLE = HERE / "sample.jsonl"
PROMPT = "Summarise this contract passage in one or two sentences of plain English:\n\n{passage}"


@dataclass
class Answer:
    """One streamed answer. Times in seconds, cost in dollars, exactly as the gateway told them."""

    passage: str
    tier: str
    model: str
    input_tokens: int
    output_tokens: int
    ttft: float
    latency: float
    cost_usd: Decimal
    text: str


def read_passages(count: int) -> tuple[list[dict[str, str]], Path]:
    """The first passages of the reference data, or of the sample beside this file."""
    path = PASSAGES if PASSAGES.exists() else SAMPLE
    lines = path.read_text(encoding="utf-8").splitlines()[:count]
    return [json.loads(line) for line in lines], path


def ask(client: OpenAI, model: str, passage: dict[str, str]) -> Answer:
    """Stream one summary."""
    started = time.perf_counter()
    first = None
    parts: list[str] = []
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": PROMPT.format(passage=passage["original_text"])}],
        max_tokens=80,
        temperature=0,
        seed=7,
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        first = first or time.perf_counter()
        parts += [choice.delta.content or "" for choice in chunk.choices]
    # The last chunk carries the usage and Homeport's receipt: tier, model, reason and cost.
    receipt = chunk.model_extra["homeport"]
    return Answer(
        passage=passage["uid"],
        tier=receipt["tier"],
        model=receipt["model"],
        input_tokens=chunk.usage.prompt_tokens,
        output_tokens=chunk.usage.completion_tokens,
        ttft=(first or started) - started,
        latency=time.perf_counter() - started,
        cost_usd=Decimal(receipt["cost_usd"]),
        text="".join(parts).strip(),
    )


def show(console: Console, title: str, answers: list[Answer]) -> None:
    """A row a query, then the totals."""
    table = Table(title=title)
    table.add_column("passage", overflow="ellipsis", max_width=22, no_wrap=True)
    table.add_column("tier")
    for name in ("in", "out", "TTFT s", "latency s", "cost $"):
        table.add_column(name, justify="right", no_wrap=True)
    for answer in answers:
        table.add_row(
            answer.passage,
            answer.tier,
            str(answer.input_tokens),
            str(answer.output_tokens),
            f"{answer.ttft:.2f}",
            f"{answer.latency:.2f}",
            f"{answer.cost_usd:.9f}",
        )
    table.add_section()
    count = len(answers)
    table.add_row(
        f"{count} queries",
        "",
        str(sum(answer.input_tokens for answer in answers)),
        str(sum(answer.output_tokens for answer in answers)),
        f"{sum(answer.ttft for answer in answers) / count:.2f} mean",
        f"{sum(answer.latency for answer in answers) / count:.2f} mean",
        f"{sum(answer.cost_usd for answer in answers):.9f}",
    )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many passages")
    parser.add_argument("--json", action="store_true", help="print the answers as JSON instead of tables")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    client = OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
    passages, source = read_passages(options.count)
    console.print(f"{len(passages)} passages from {source}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        answers = [ask(client, "auto", passage) for passage in progress.track(passages, description="model auto")]
    others = [ask(client, tier, passages[0]) for tier in ("mid", "frontier")]
    if options.json:
        print(json.dumps([asdict(answer) for answer in (*answers, *others)], default=str, indent=2))
        return
    console.print(f"\n[bold]{answers[0].passage}[/]: {answers[0].text}\n", markup=True)
    show(console, "model `auto`", answers)
    show(console, "the first passage on the tiers behind it", others)
    console.print("The same sums, from the ledger: homeport cost")


if __name__ == "__main__":
    main()
