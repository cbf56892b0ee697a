"""From rows to a router version: fit, compare with the version in use, keep, and use it if it is no worse."""

from typing import TYPE_CHECKING

import msgspec

from homeport.routing.gap import GapModel, gap_model
from homeport.routing.rows import Rows
from homeport.routing.selection import FEWEST_ROWS, Fitted, fit_rows
from homeport.routing.thresholds import decode_thresholds, encode_thresholds
from homeport.routing.versions import GAP, THRESHOLDS, Version, Versions
from homeport.stats.ranking import Estimate, Figures, Ranking, compare, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

MARGIN = 0.02
"""By so much of APGR a new version may be worse, at the lower end of the interval of the difference, and be used."""

HELD_OUT, VALIDATED = "rows of the split test", "cross-validation"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A new version beside the one in use, on the same rows.

    Attributes:
        judged_on: HELD_OUT, or VALIDATED where there are too few of them: then the version in use may have been
            fitted on these very rows, which flatters it.
        difference: of the new one's APGR over the other's.
    """

    judged_on: str
    rows: int
    new: Figures
    current: Figures
    difference: Estimate

    @property
    def no_worse(self) -> bool:
        return self.difference.low >= -MARGIN


class Refitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a fit gave."""

    version: Version
    promoted: bool
    fitted: Fitted
    judgement: Judgement


def refit(versions: Versions, rows: Rows, note: str, *, force: bool = False, seed: int = 0) -> Refitted:
    """Fit on the rows that are not held out, and keep the result as a version.

    Args:
        force: use it even if it is worse.

    Raises:
        HomeportError: as `fit_rows`, and as `Versions`.
    """
    current = versions.current()
    before = gap_model(versions.read(current, GAP))
    known, held = rows.of(held_out=False), rows.of(held_out=True)
    fitted = fit_rows(known, note, seed=seed)
    judgement = _judge(fitted, before, known, held, seed)
    parts = {GAP: fitted.model.encode()}
    if (written := versions.read(current, THRESHOLDS)) is not None:
        # Scores of another model are spread in another way; what was promised of them is not known of these.
        found = msgspec.structs.replace(decode_thresholds(written), sketch=fitted.model.spread, promise=None)
        parts[THRESHOLDS] = encode_thresholds(found)
    version = versions.add(parts, note, _metrics(known, judgement))
    promoted = force or judgement.no_worse
    if promoted:
        versions.point(version.number)
    return Refitted(version=version, promoted=promoted, fitted=fitted, judgement=judgement)


def _judge(fitted: Fitted, before: GapModel, known: Rows, held: Rows, seed: int) -> Judgement:
    enough = len(held.rows) >= FEWEST_ROWS and sum(row.quality[-1] - row.quality[0] for row in held.rows) > 0
    rows = held if enough else known
    scores = _scores(fitted.model, held) if enough else fitted.validation.scores.tolist()
    new, old = _ranking(scores, rows), _ranking(_scores(before, rows), rows)
    return Judgement(
        judged_on=HELD_OUT if enough else VALIDATED,
        rows=len(rows.rows),
        new=measure(new, seed=seed),
        current=measure(old, seed=seed),
        difference=compare(new, old, seed=seed),
    )


def _scores(model: GapModel, rows: Rows) -> list[float]:
    return [model.score_text(row.prompt).score for row in rows.rows]


def _ranking(scores: "Sequence[float]", rows: Rows) -> Ranking:
    return Ranking(scores, [row.quality[0] for row in rows.rows], [row.quality[-1] for row in rows.rows])


def _metrics(known: Rows, judgement: Judgement) -> dict[str, float]:
    reached = judgement.new.apgr
    return {
        "rows": float(len(known.rows)),
        "apgr": reached.value,
        "apgr_low": reached.low,
        "apgr_high": reached.high,
        "apgr_over_parent": judgement.difference.value,
    }
