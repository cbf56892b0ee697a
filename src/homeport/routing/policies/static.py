"""The tiers in their configured order: the first that is up answers, the next ones stand behind it."""

import msgspec

from homeport.core.routing import Decision, Question
from homeport.core.types import Target
from homeport.routing.policies.base import PolicySetup, in_order, read_options


class StaticOptions(msgspec.Struct, frozen=True):
    """It has none."""


class Static:
    """Asks in order, whoever is up: what cannot answer is passed over when it is asked."""

    keeps_order = True

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        """Order is the configuration's."""
        return in_order("static", question, eligible)


def create(setup: PolicySetup) -> Static:
    read_options(setup, StaticOptions)
    return Static()
