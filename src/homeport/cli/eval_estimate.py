"""What a run of `homeport eval run` would cost: the running gateway's own forecast for some of its questions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from homeport.cli.eval_source import Source
from homeport.cli.gateway_client import GatewayClient
from homeport.core.errors import ConfigError
from homeport.core.money import Nano, parse_usd
from homeport.evaluation.experiments import Ask
from homeport.routing.explain import Told

_LOOKED_AT = 20


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What all questions of one run would cost.

    Attributes:
        looked_at: questions that the gateway was asked about, spread over all of them.
        cost_nanodollars: of all of them; None where a model has no price.
    """

    route: str
    prompt: str
    questions: int
    looked_at: int
    cost_nanodollars: int | None


def estimate(client: GatewayClient, source: Source, route: str, prompt: str, asks: Sequence[Ask]) -> Estimate:
    """Ask the gateway where some of the questions would go, and what that costs. No model is asked.

    Raises:
        HomeportError: as `GatewayClient`, or the gateway refuses a question.
    """
    some = asks[:: max(1, len(asks) // _LOOKED_AT)][:_LOOKED_AT]
    costs = [_cost(client, {**source.fields, "model": route}, source.headers, ask) for ask in some]
    known = [cost for cost in costs if cost is not None]
    whole = len(known) == len(costs) and bool(known)
    total = round(sum(known) * len(asks) / len(known)) if whole else None
    return Estimate(route=route, prompt=prompt, questions=len(asks), looked_at=len(some), cost_nanodollars=total)


def check_estimable(source: Source) -> None:
    """Raises ConfigError, eval_source_unclear, where no gateway of this machine would be asked."""
    if source.url or source.package or source.answers is not None:
        raise ConfigError(
            "only what the gateway of this machine is asked can be estimated",
            code="eval_source_unclear",
            hint="--estimate with --model NAME, and without --url",
        )


def _cost(client: GatewayClient, fields: Mapping[str, Any], headers: Mapping[str, str], ask: Ask) -> Nano | None:
    chat = ask.question.messages or ({"role": "user", "content": ask.question.prompt},)
    body = {**fields, "max_tokens": ask.question.max_tokens, "messages": chat}
    with client.post("/v1/route", body, headers) as response:
        told = msgspec.json.decode(response.read(), type=Told)
    return None if told.cost_usd is None else parse_usd(told.cost_usd)
