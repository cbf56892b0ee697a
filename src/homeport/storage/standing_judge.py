"""How the judge stands, as the jobs worker leaves it for the command line."""

import msgspec


class JudgeStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Past `stale_at` nothing of it is to be believed; times are nanoseconds since the epoch.

    Attributes:
        epoch: of the judge, "" before its first round.
        model, rubric, rubric_version: who is asked, by what.
        state, why: what came of the last round, see jobs/judging.py.
        waiting: outputs that are drawn for the judge and have no judgement of this epoch.
        spent, most: nano-dollars on this day (UTC), and what it may cost; None for any.
    """

    stale_at: int
    epoch: str
    model: str
    rubric: str
    rubric_version: int
    state: str
    why: str
    waiting: int
    spent: int
    most: int | None
