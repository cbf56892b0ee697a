"""The weakest tier answers first; its answer is looked at before it is given, and where it does not do the next
tier is asked.

A request may begin higher up, by the same options as those of the policy `complexity`; without them all begin at
the first tier. A conversation that was escalated stays up.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.routing.policies.base import PolicySetup, read_options
from homeport.routing.policies.complexity import Complexity, ComplexityOptions, make


class CascadeOptions(ComplexityOptions, frozen=True, kw_only=True):
    """Options: those of `complexity`, and how answers are looked at.

    Attributes:
        min_confidence: an answer is given from this probability of being right on; left out: what the router's
            version was calibrated for.
    """

    min_confidence: Annotated[float, Meta(ge=0, le=1)] | None = None


def create(setup: PolicySetup) -> Complexity:
    options = read_options(setup, CascadeOptions)
    if not options.split and options.value_usd is None:
        options = msgspec.structs.replace(options, split={setup.tiers[0]: 1.0})
    return make("cascade", setup, options, cascade=True)
