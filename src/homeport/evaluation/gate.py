"""A regression gate: may a candidate take the place of a baseline? For CI, which reads an exit code.

The statistics are those of `stats.noninferiority`; here are the runs, and what to do where nothing can be said.
"""

import re

import msgspec

from homeport.core.errors import ConfigError
from homeport.evaluation.comparison import Compared, check_comparable, compare, paired_scores
from homeport.evaluation.runs import Run
from homeport.stats.noninferiority import Judgement, Margin, Verdict, judge
from homeport.stats.paired import pairs_of

DEFAULT_MARGIN = "10%"
_MARGIN = re.compile(r"(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})(%|pt)?", re.ASCII)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a candidate.

    Attributes:
        cases: how many the verdict rests on, those that count as wrong for want of an answer included.
        missing_as_wrong: answers that are not there and count as wrong.
    """

    judgement: Judgement
    compared: Compared
    margin: Margin
    risk: float
    cases: int
    missing_as_wrong: int

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict


def parse_margin(written: str) -> Margin:
    """A share of the baseline's score (`10%`, or `0.1`), or points of a hundred (`5pt`).

    Raises:
        ConfigError: margin_invalid.
    """
    found = _MARGIN.fullmatch(written.strip())
    amount = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if found is None or not 0 < amount < 1:
        raise ConfigError(
            f"--margin {ascii(written)[:40]} is no margin",
            code="margin_invalid",
            hint="write 10% (of the baseline's score), or 5pt (points of a hundred)",
        )
    return Margin(amount, relative=found[2] != "pt")


def gate(baseline: Run, candidate: Run, margin: Margin, *, risk: float = 0.05, missing_wrong: bool = False) -> Gate:
    """Judge a candidate beside a baseline.

    Args:
        risk: of a wrong verdict, each way; between 0 and 0.5.
        missing_wrong: answers that are not there count as wrong, in both.

    Raises:
        ConfigError: the runs cannot be compared; eval_run_incomplete, answers are missing.
    """
    check_comparable(baseline, candidate)
    missing = baseline.missing + candidate.missing
    if missing and not missing_wrong:
        raise _incomplete(candidate if candidate.missing else baseline)
    compared = compare(baseline, candidate)
    scores = paired_scores(baseline, candidate, missing_as=0.0)
    return Gate(
        judgement=judge(pairs_of(scores), margin, risk),
        compared=compared,
        margin=margin,
        risk=risk,
        cases=len(scores),
        missing_as_wrong=missing,
    )


def advice(found: Gate) -> str:
    """What to do where nothing can be said; "" else."""
    judgement = found.judgement
    if found.verdict is not Verdict.UNDECIDED:
        return ""
    if judgement.needed is None:
        return "the baseline scores nothing, so no share of it can be lost: name points instead, such as --margin 5pt"
    needed = max(judgement.needed, found.cases + 1)
    return (
        f"too few cases: there are {found.cases}, and about {needed} such cases are needed "
        f"({max(judgement.needed_surer or 0, needed)} to be right 99 times of 100); or a wider --margin"
    )


def _incomplete(run: Run) -> ConfigError:
    return ConfigError(
        f"{run.name} lacks {run.missing} of {run.head.cases * run.head.epochs} answers",
        code="eval_run_incomplete",
        hint="run homeport eval run again with the same --out, it goes on; or count them as wrong: --missing-wrong",
    )
