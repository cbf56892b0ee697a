"""Progress of paid answers: a bar on a terminal, a line on a pipe."""

import io

from rich.console import Console

from homeport.cli.progress import PaidProgress


def watched(*, terminal: bool) -> str:
    out = io.StringIO()
    progress = PaidProgress(Console(file=out, force_terminal=terminal, width=160))
    progress.start("run.jsonl", 40, 10)
    for done in range(11, 41):
        progress.advance(done, f"${done / 1000:.9f}")
    progress.finish()
    progress.finish()
    return out.getvalue()


def test_on_a_terminal_it_tells_how_many_how_fast_and_for_how_much() -> None:
    said = watched(terminal=True)
    assert "40/40" in said
    assert "$0.040000000" in said
    assert "/s" in said


def test_on_a_pipe_it_is_one_line() -> None:
    assert watched(terminal=False) == "  run.jsonl: 30 of 40 ...\n"
