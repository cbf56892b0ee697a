"""What the models of bench.quality_house say, and what a judge and people say of it. Pure: all follows from a seed.

Whether an answer is right follows from its text by a hash that only the simulation knows: nothing that measures outputs
can tell. A part of the bad answers has a fault that automatic metrics see (refused, cut off, repeated). The judge, a
model like any other, is shown the answer in a prompt of evaluation/judge.py, and is wrong about some; so are people.
"""

import random
import re
from hashlib import blake2b

_WORDS = (
    *("either", "party", "may", "end", "the", "contract", "with"),
    *("a", "notice", "of", "thirty", "days", "in", "writing"),
)
_REFUSED = "I'm sorry, but I can't help with that."
_REPEATED = "The notice is thirty days. " * 12
_FAULTS = ("refused", "cut", "repeated")
_SLIPS = 0.05
RIGHT_ON_GOOD, RIGHT_ON_BAD = 0.85, 0.75
_NUMBER = re.compile(r"#(\d{1,12})\b")
_SHOWN = re.compile(r"<<<(\w+) begin answer to grade>>>\n(.*)\n<<<\1 end answer to grade>>>", re.DOTALL)


def unit(*parts: object) -> float:
    """A number in [0, 1) that follows from its parts."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def question(number: int) -> str:
    return f"Question #{number} : when may this contract be ended?"


def number_of(text: str) -> int:
    """The number of the question in a text; of one without, a number that follows from it."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else int(unit(text) * 2**40)


def is_good(seed: int, model: str, number: int, good: float, time: int = 0) -> bool:
    """Whether a model answers a question well that it is asked for the first time (0), or again."""
    return unit(seed, "good", model, number, time) < good


def said(seed: int, model: str, number: int, good: float, visible: float, time: int = 0) -> tuple[str, str]:
    """The answer, and why it ended."""
    well = is_good(seed, model, number, good, time)
    text = _written(seed, f"{model}:{number}:{time}", well)
    if well or unit(seed, "seen", model, number, time) >= visible:
        return text, "stop"
    fault = _FAULTS[int(unit(seed, "fault", model, number, time) * len(_FAULTS))]
    if fault == "refused":
        return _REFUSED, "stop"
    return (text[:40], "length") if fault == "cut" else (_REPEATED, "stop")


def is_right(seed: int, text: str) -> bool:
    """Whether an answer is good."""
    text = text.strip()
    return text.endswith(".") and text not in (_REFUSED, _REPEATED.strip()) and unit(seed, "right", text) < 0.5


def graded(seed: int, number: int, answer: str) -> float:
    """The score of the judge, who is right about so many of the good answers and of the bad ones."""
    well = is_right(seed, answer)
    right = unit(seed, "judge", number, answer.strip()) < (RIGHT_ON_GOOD if well else RIGHT_ON_BAD)
    return 1.0 if well is right else 0.0


def grading(seed: int, prompt: str) -> str:
    """What the judge writes to a prompt of evaluation/judge.py. Raises ValueError for one that shows no answer."""
    shown = _SHOWN.search(prompt)
    if shown is None:
        raise ValueError("no answer is shown to the judge")
    if graded(seed, number_of(prompt[: shown.start()]), shown[2]):
        return "It says when the contract may be ended, and it is right.\nGRADE: 5"
    return "It does not say when the contract may be ended, or is wrong.\nGRADE: 1"


def rating(seed: int, reviewer: str, number: int, answer: str) -> int:
    """What a person says: 4 or 5 of a good answer and 1 or 2 of a bad one, and one in twenty is a slip."""
    slips = unit(seed, "slip", reviewer, number, answer.strip()) < _SLIPS
    upper = unit(seed, "upper", reviewer, number, answer.strip()) < 0.5
    return (4 if is_right(seed, answer) is not slips else 1) + upper


def usual_score(*, well: bool) -> float:
    """What people say of a good answer or of a bad one, on average, from 0 to 1."""
    upper, lower = (3 + 0.5) / 4, 0.5 / 4
    return upper + (lower - upper) * (_SLIPS if well else 1 - _SLIPS)


def _written(seed: int, name: str, well: bool) -> str:
    rng = random.Random(f"{seed}:{name}")
    while True:
        text = " ".join(rng.choices(_WORDS, k=24)).capitalize() + "."
        if (unit(seed, "right", text) < 0.5) is well:
            return text
