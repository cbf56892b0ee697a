"""The section `budgets`: what requests under a budget may cost before it is known what they do cost."""

from pydantic import Field

from homeport.config.fields import Dollars, Finite, Whole
from homeport.config.section import Section


class BudgetSettings(Section):
    """How requests under a budget are held for. The budgets themselves are in the database: `homeport budget`."""

    default_output_tokens: Whole = Field(
        default=16_384,
        ge=1,
        le=10_000_000,
        description="The longest answer that is paid for, and asked for, where the caller sets no bound.",
    )
    media_tokens: Whole = Field(
        default=8_192, ge=0, le=10_000_000, description="Input tokens that an image is held for, at most."
    )
    patience_seconds: Finite = Field(
        default=5.0,
        ge=0,
        le=3_600,
        description="How long a request may wait for money that requests in progress hold and may give back.",
    )
    unknown_price: Dollars | None = Field(
        default=None,
        alias="unknown_price_usd",
        description="What a call of a model without a price counts as. Left out: under a budget it is refused.",
    )
