"""Facts that a test sets."""

from collections.abc import Mapping

from homeport.core.money import Nano
from homeport.core.routing import Prompt, Question, Turn
from homeport.core.types import Inference, Target


class SetFacts:
    """What is given, by target name."""

    def __init__(
        self,
        *,
        prompt: Prompt | str = "",
        draw: float = 0.5,
        costs: Mapping[str, int] | None = None,
        first_tokens: Mapping[str, float] | None = None,
        loads: Mapping[str, int] | None = None,
        closed: Mapping[str, str] | None = None,
        warm: Mapping[str, int] | None = None,
    ) -> None:
        self._prompt = said(prompt) if isinstance(prompt, str) else prompt
        self._draw = draw
        self._costs = costs or {}
        self._first_tokens = first_tokens or {}
        self._loads = loads or {}
        self._closed = closed or {}
        self._warm = warm or {}

    def prompt(self, inference: Inference) -> Prompt:
        return self._prompt

    def draw(self, inference: Inference) -> float:
        return self._draw

    def cost(self, inference: Inference, target: Target, *, warm: bool = False) -> Nano | None:
        costs = {**self._costs, **self._warm} if warm else self._costs
        return Nano(costs[target.name]) if target.name in costs else None

    def first_token_s(self, target: Target) -> float | None:
        return self._first_tokens.get(target.name)

    def load(self, target: Target) -> int:
        return self._loads.get(target.name, 0)

    def closed(self, target: Target) -> str:
        return self._closed.get(target.name, "")


def said(text: str) -> Prompt:
    """One user's turn."""
    return Prompt(turns=(Turn("user", text),), chars=len(text))


def question(inference: Inference, facts: SetFacts | None = None, session: str = "") -> Question:
    return Question(inference, facts or SetFacts(), session)
