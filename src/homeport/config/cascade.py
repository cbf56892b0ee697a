"""The section `routing.cascade`: how the answers of lower tiers are looked at before they are given."""

from pydantic import Field

from homeport.config.fields import Dollars, Finite, Seconds, Whole
from homeport.config.section import Section


class CascadeSettings(Section):
    """When the answer of a lower tier is good enough, where the policy cascades."""

    commit_tokens: Whole = Field(
        default=32,
        ge=1,
        le=65_536,
        description="Tokens of a stream that are held back and judged before the caller gets the first of them.",
    )
    commit_seconds: Seconds = Field(
        default=4.0, description="How long they may take to come; then what is there is judged."
    )
    right_answer_worth: Dollars | None = Field(
        default=None,
        alias="right_answer_worth_usd",
        description="What a right answer is worth instead of a wrong one. With it, an answer of low confidence is "
        "given where the next tier would cost more than it can gain. Left out: costs are not weighed.",
    )
    grey_zone: Finite = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Where the calibrated confidence in an own engine's whole answer is no farther than that from its "
        "threshold, the engine is asked again, and the answer is given if most of its answers agree with it. "
        "0: never.",
    )
    samples: Whole = Field(
        default=3, ge=2, le=9, description="Answers that are compared then, the first among them, at most."
    )
    sample_temperature: Finite = Field(default=0.7, gt=0, le=2, description="The temperature of the further ones.")
