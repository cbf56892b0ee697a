"""The tiers in their configured order: the first that is up answers, the next ones stand behind it."""

from collections.abc import Mapping
from typing import Any

from homeport.core.errors import ConfigError
from homeport.core.routing import Decision, Question
from homeport.core.types import Surface, Target


class Static:
    """Asks in order, whoever is up: what cannot answer is passed over when it is asked."""

    keeps_order = True

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Order is the configuration's. Embeddings get one candidate: vectors of two models do not mix."""
        candidates = eligible[:1] if question.inference.surface is Surface.EMBEDDING else eligible
        return Decision(candidates=candidates, reason=f"static:{candidates[0].tier}")


def create(options: Mapping[str, Any]) -> Static:
    if options:
        raise ConfigError(
            f"the static policy has no option {next(iter(options))!r}",
            code="policy_option_invalid",
            hint="remove routing.options",
        )
    return Static()
