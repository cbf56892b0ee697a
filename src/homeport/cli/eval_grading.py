"""The judge of `homeport eval run --score judge`: which model, by which rubric, and where it is asked."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import typer

from homeport import bootstrap
from homeport.cli.context import Context
from homeport.cli.eval_source import Source, respondent
from homeport.config.judge import JudgeSettings
from homeport.core.errors import ConfigError
from homeport.evaluation.experiments import Grader
from homeport.evaluation.grading import JUDGE, Bench, ModelGrader
from homeport.evaluation.rubrics import QUALITY, Rubric
from homeport.packages.base import SilentProgress

_FENCE_BYTES = 8
_NOT_CACHED = {"cache-control": "no-store"}

JudgeModel = Annotated[
    str, typer.Option("--judge", help="Who grades with --score judge: a model, a tier or auto of the gateway.")
]
RubricName = Annotated[
    str, typer.Option("--rubric", help="quality, or one of evaluation.judge.rubrics; quality@1 insists on a version.")
]
JudgeTokens = Annotated[
    int, typer.Option("--judge-max-tokens", min=1, max=131_072, help="The longest answer of the judge.")
]
OnlyGrade = Annotated[
    bool, typer.Option("--only-grade", help="The judge says its grade without a word of why, as small models should.")
]


class Court(msgspec.Struct, frozen=True, kw_only=True):
    """Who grades, and where that is asked."""

    bench: Bench
    source: Source


def court_of(
    state: Context, source: Source, score: str, judge: str, rubric: str, max_tokens: int, *, only_grade: bool
) -> Court | None:
    """None where no model grades.

    Args:
        source: whom the answers are of. Its gateway is the judge's too, and what is marked private there is here.

    Raises:
        ConfigError: eval_judge_unclear, eval_rubric_unknown.
    """
    if (score == JUDGE) != bool(judge):
        raise ConfigError(
            "--score judge and --judge NAME belong together",
            code="eval_judge_unclear",
            hint="write both: --score judge --judge NAME",
        )
    if not judge:
        return None
    bench = Bench(model=judge, rubric=rubric_of(state, rubric), max_tokens=max_tokens, only_grade=only_grade)
    asked = Source(
        models=(judge,),
        url=source.url,
        key_from=source.key_from,
        fields={"temperature": 0.0},
        headers={**source.headers, **_NOT_CACHED},
    )
    return Court(bench=bench, source=asked)


@asynccontextmanager
async def grader_of(state: Context, court: Court | None) -> AsyncIterator[Grader | None]:
    """Whoever grades, until it is left; None where no model does. Raises as `respondent`."""
    if court is None:
        yield None
        return
    async with respondent(state, court.source, court.bench.model, SilentProgress()) as respond:
        yield ModelGrader(respond, court.bench, lambda: secrets.token_hex(_FENCE_BYTES))


def rubric_of(state: Context, written: str) -> Rubric:
    """A rubric by its name, or by its name and version as `quality@1`. Raises ConfigError, eval_rubric_unknown."""
    name, _, version = written.partition("@")
    wanted = state.settings.evaluation.judge or JudgeSettings(model="none")
    own = wanted.rubrics.get(name)
    found = bootstrap.rubric_of(wanted.model_copy(update={"rubric": name})) if own is not None else QUALITY
    if found.name != name or (version and version != str(found.version)):
        known = [f"{QUALITY.name}@{QUALITY.version}"] if QUALITY.name not in wanted.rubrics else []
        known += [f"{other}@{wanted.rubrics[other].version}" for other in sorted(wanted.rubrics)]
        raise ConfigError(
            f"there is no rubric {ascii(written)[:60]}",
            code="eval_rubric_unknown",
            hint=f"the rubrics are: {', '.join(known)}",
        )
    return found
