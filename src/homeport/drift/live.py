"""A batch, asked of a model that is there: what a recording is made of, question by question.

The times of the questions of a batch are drawn from a secret of the baseline, so that they come from nowhere in
particular, and are the same when a process that was ended goes on.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from homeport.core.errors import HomeportError
from homeport.drift.asking import Question, Reply, Respondent
from homeport.drift.baselines import Archive, Asked, Baseline, asked, nanoseconds
from homeport.drift.border import Probe
from homeport.drift.detectors import ALPHA, audit
from homeport.drift.probes import collect
from homeport.drift.recording import read_rows
from homeport.drift.replay import plain
from homeport.drift.search import Method


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a batch, and when it is asked: nanoseconds since the epoch."""

    at: int
    probe: Probe


def question(baseline: Baseline, probe: Probe) -> Question:
    """A probe as it is asked: log-probabilities only where they are what is compared."""
    return Question(prompt=probe.prompt, tokens=probe.tokens, sure=baseline.method is Method.LOGPROBS)


def plan(baseline: Baseline, start: int, length: int) -> tuple[Due, ...]:
    """The questions of a batch, spread over a period at random, the earliest first.

    Args:
        start, length: of the period, in nanoseconds; length 0 asks at once, in an order of the baseline's own.
    """
    rng = Random(f"{baseline.seed}:{start}")  # noqa: S311  its seed is secret
    wanted = [probe for probe in baseline.probes for _ in range(baseline.repeats)]
    rng.shuffle(wanted)
    times = sorted(rng.random() for _ in wanted)
    return tuple(Due(at=start + int(at * length), probe=probe) for at, probe in zip(times, wanted, strict=True))


async def ask_due(
    archive: Archive, baseline: Baseline, respond: Respondent, due: Sequence[Due], batch: str, now: int
) -> int:
    """Ask what is due of a batch that is open, and keep each answer; how many were asked.

    Raises:
        OSError: the folder cannot be written.
        HomeportError: nothing more can be asked.
    """
    done = sum(line.batch == batch for line in archive.rows(archive.open))
    ready = [one for one in due if one.at <= now][done:]
    for one in ready:
        reply = await respond(question(baseline, one.probe))
        archive.append(archive.open, (asked(batch, one.probe.name, reply),))
    return len(ready)


def close(archive: Archive, batch: str) -> int:
    """Move the answers of a batch into the recording; how many there are. What was not answered is left out."""
    lines = [line for line in archive.rows(archive.open) if not line.error]
    if lines:
        archive.append(archive.answers, [line for line in lines if line.batch == batch])
    archive.open.unlink(missing_ok=True)
    return len(lines)


def open_batch(archive: Archive) -> str:
    """The batch that is being asked; "" for none."""
    return next((line.batch for line in archive.rows(archive.open)), "")


async def ask_now(
    archive: Archive, baseline: Baseline, respond: Respondent, batch: str, told: Callable[[int, int], None]
) -> list[Asked]:
    """Ask a whole batch at once and keep it.

    Raises:
        HomeportError: probes_unanswered, where nothing was answered.
    """
    lines: list[Asked] = []
    due = plan(baseline, nanoseconds(batch), 0)
    reply = Reply()
    for number, one in enumerate(due, 1):
        reply = await respond(question(baseline, one.probe))
        lines.append(asked(batch, one.probe.name, reply))
        told(number, len(due))
    answered = [line for line in lines if not line.error]
    if not answered:
        raise HomeportError(
            f"no probe was answered: {reply.why or reply.error}"[:400],
            code="probes_unanswered",
            hint="ask it yourself: homeport chat --model NAME hello",
        )
    archive.append(archive.answers, answered)
    return lines


def judged(archive: Archive, alpha: float = ALPHA) -> dict[str, Any] | None:
    """What `homeport drift replay` says of the recording; None while there is none.

    Raises:
        ConfigError: recording_invalid, recording_too_large.
    """
    if not archive.answers.exists():
        return None
    recorded = collect(read_rows(archive.answers))
    return plain(recorded, audit(recorded.similarity, alpha), alpha)


def latest_batch(archive: Archive) -> str:
    """The newest batch of the recording; "" for none."""
    counted = Counter(line.batch for line in archive.rows(archive.answers))
    return max(counted, key=nanoseconds, default="")
