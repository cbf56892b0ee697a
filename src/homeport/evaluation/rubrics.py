"""By what a judge grades: texts with names and versions. Grades go from 1, useless, to 5, as good as can be."""

from hashlib import blake2b

import msgspec

WORST, BEST = 1, 5
_EPOCH_BYTES = 8


class Rubric(msgspec.Struct, frozen=True, kw_only=True):
    """What the grades mean.

    Attributes:
        version: goes up whenever the text changes.
        text: says for a model what earns which grade, from 1 to 5.
    """

    name: str
    version: int
    text: str


QUALITY = Rubric(
    name="quality",
    version=1,
    text="""\
How well does the answer serve what was asked for, as a careful expert of that subject would see it?
5: right, complete and to the point; an expert would change nothing that matters.
4: right in what matters, with a small flaw: something minor is missing, wrong or hard to find.
3: of use, but the reader has to mend it: something that matters is missing, wrong or not as it was asked for.
2: mostly wrong, or of little use: most of what matters is missing, or the reader would be misled.
1: useless or harmful: it is wrong, invented, about something else, empty, or refuses what is harmless.
What the request itself says about form, length and language is a part of what was asked for. Long answers and polite
ones are not better for that. To say openly that something is not known is better than to invent it.""",
)
"""The rubric that comes with Homeport. Who changes its text raises its version."""


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """What must stay the same for two grades to be comparable: labels calibrate a judge within one epoch.

    Attributes:
        model: the route that is asked, and the revisions of what answers there, as far as they are known.
        prompt_version: of the text around the rubric, see judge.py.
        only_grade: it says its grade without a word of why.
    """

    model: str
    rubric: Rubric
    prompt_version: int
    only_grade: bool = False

    @property
    def digest(self) -> str:
        """16 hexadecimal digits; another model, revision, rubric or prompt has others."""
        return blake2b(msgspec.json.encode(self), digest_size=_EPOCH_BYTES).hexdigest()


def score_of(grade: float) -> float:
    """A grade as a score from 0 to 1."""
    return (grade - WORST) / (BEST - WORST)
