"""Runs of experiments, made by hand."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from homeport.evaluation.runs import Answered, Run, RunHead, answer_line, head_line

DIGEST = "sha256:" + "0" * 64


def head(cases: int, **fields: Any) -> RunHead:
    return RunHead(
        **{"dataset": "d.jsonl", "digest": DIGEST, "cases": cases, "route": "m", "scorer": "check", **fields}
    )


def answered(case: str, score: float | None, epoch: int = 0, **fields: Any) -> Answered:
    error = "" if score is not None else "upstream_unavailable"
    return Answered(case=case, epoch=epoch, score=score, error=error, answer=f"answer to {case}", **fields)


def run_of(scores: Iterable[float | None], name: str = "a.jsonl", **fields: Any) -> Run:
    """A case for each score."""
    answers = tuple(answered(f"case {number}", score) for number, score in enumerate(scores))
    return Run(name=name, head=head(len(answers), **fields), answers=answers)


def write_run(path: Path, run: Run) -> Path:
    path.write_bytes(head_line(run.head) + b"".join(map(answer_line, run.answers)))
    return path


def write_lines(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
