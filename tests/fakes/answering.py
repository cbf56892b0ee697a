"""Those who answer, and who rule, without a process or a model."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from homeport.evaluation.answers import Answer, Question, Runner, Token
from homeport.evaluation.checks import Asked, Ruling
from homeport.evaluation.ruling import rule


class InProcessReferee:
    """`checks.Referee` without a bound: for questions that are known to be quick."""

    def matches(self, pattern: str, text: str, *, ignore_case: bool) -> Ruling:
        return rule(Asked(pattern=pattern, text=text, ignore_case=ignore_case))

    def follows(self, schema: Mapping[str, Any], value: Any) -> Ruling:
        return rule(Asked(schema=schema, value=value))


class ScriptedAnswerer:
    """`Answerer`: what a function makes of a question; notes what it was asked."""

    def __init__(self, script: Callable[[Question], Answer]) -> None:
        self._script = script
        self.asked: list[Question] = []
        self.in_work = 0
        self.most_in_work = 0

    async def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        self.in_work += 1
        self.most_in_work = max(self.most_in_work, self.in_work)
        try:
            await _a_moment()
            return self._script(question)
        finally:
            self.in_work -= 1


async def _a_moment() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def answer(*words: str, logprob: float = -0.5, other: str = "", other_logprob: float = -1.0, **more: Any) -> Answer:
    """An answer of so many tokens; each has the same runner-up."""
    runners = (Runner(other, other_logprob),) if other else ()
    return Answer(text="".join(words), tokens=tuple(Token(word, logprob, runners) for word in words), **more)
