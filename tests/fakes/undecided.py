"""An imagined model that answers yes or no, and is nearly undecided on some prompts: a `drift.asking.Respondent`."""

import math
import re
from random import Random

from homeport.drift.asking import Question, Reply

_WORDS = re.compile(r"[a-z]+")


class UndecidedModel:
    """Answers by a margin that comes from the prompt: a large part of it from its words, a small one from its letters.

    Attributes:
        version: another one has margins that are a little others, as another precision has.
        moved: how much a version moves margins, in log-odds.
        edited: how much an edit does.
        tells: log-probabilities are told.
        drawn: it takes no temperature of 0, and says so.
        down: nothing is answered.
    """

    def __init__(self, version: str = "a", *, moved: float = 0.05, tells: bool = True, drawn: bool = False) -> None:
        self.version, self.moved, self.edited = version, moved, 0.1
        self.tells, self.drawn, self.down = tells, drawn, False
        self.asked: list[Question] = []
        self._rng = Random(5)

    async def __call__(self, question: Question) -> Reply:
        self.asked.append(question)
        if self.down:
            return Reply(error="upstream_unavailable", why="it is down")
        margin = self.margin(question.prompt)
        yes = 1 / (1 + math.exp(-margin))
        says_yes = self._rng.random() < yes if self.drawn else margin > 0
        told = {"yes": math.log(yes), "no": math.log(1 - yes)} if self.tells and question.sure else {}
        return Reply(
            text="yes" if says_yes else "no",
            logprobs=told,
            sampled=self.drawn,
            model="imagined",
            input_tokens=9,
            output_tokens=1,
            request_id=f"req_{len(self.asked)}",
        )

    def margin(self, prompt: str) -> float:
        """Log-odds of yes."""
        words = " ".join(word for word in _WORDS.findall(prompt.lower()) if word != "please")
        parts = ((words, 1.0), (f"{prompt}!", self.edited), (f"{self.version}:{prompt}", self.moved))
        return sum(size * Random(text).gauss(0, 1) for text, size in parts)
