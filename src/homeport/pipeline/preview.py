"""What would become of a request, were it sent now: the request path up to its decision, and nothing done."""

from homeport.core.privacy import Assessment
from homeport.core.types import Inference, Key
from homeport.pipeline.attribution import end_user, trace_id
from homeport.pipeline.authenticate import authenticate, permit, permit_inference, scope_of
from homeport.pipeline.cache_told import ToldCache, bypassed
from homeport.pipeline.deadline import seconds_left
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.foresight import foresee
from homeport.pipeline.pipeline import Stages
from homeport.pipeline.routing import Route
from homeport.routing.explain import Told, explain


class Preview:
    """Dry runs. They take a place among the requests in progress, and use up, record and teach nothing.

    Args:
        stages: those of the requests themselves.
        policy: the name of the policy.
    """

    def __init__(self, stages: Stages, policy: str) -> None:
        self._stages = stages
        self._policy = policy

    def authenticate(self, token: str | None) -> None:
        """Whether somebody with this token may ask at all. Raises NotAuthenticated, NotPermitted."""
        permit_inference(authenticate(self._stages.keys, token))

    async def tell(self, exchange: Exchange) -> Told:
        """Where a request would go, and why.

        Raises:
            HomeportError: whatever would refuse the same request before it is sent anywhere, but for a key's limits
                and the loop guard, which count only requests that are sent.
        """
        stages = self._stages
        key, deadline_ns = self._begin(exchange)
        with stages.use, stages.admission.admit(key):
            inference, route = await self._consider(exchange, key)
            decision = route.decision
            if stages.spending is not None:
                decision = await foresee(
                    stages.spending,
                    key,
                    inference,
                    decision,
                    end_user=end_user(exchange.attribution, inference.fields),
                    trace_id=trace_id(exchange.attribution),
                    deadline_ns=deadline_ns,
                )
            return explain(
                route.question,
                decision,
                policy="pinned" if route.pinned else self._policy,
                offered=route.offered,
                removed=route.removed,
                assessment=exchange.assessment or Assessment(),
                catalogue=stages.routing.catalogue.targets,
            )

    async def tell_cache(self, exchange: Exchange) -> ToldCache:
        """What the cache would do with a request, and why.

        Raises:
            HomeportError: as `tell`, but for budgets: a hit needs no money.
        """
        stages = self._stages
        key, _ = self._begin(exchange)
        with stages.use, stages.admission.admit(key):
            inference, route = await self._consider(exchange, key)
            exchange.end_user = end_user(exchange.attribution, inference.fields)
            exchange.route, exchange.decision = route, route.decision
            return bypassed("off") if stages.cache is None else stages.cache.tell(exchange)

    def _begin(self, exchange: Exchange) -> tuple[Key, int]:
        """Who asks, if they may, and by when; before the body is read."""
        stages = self._stages
        exchange.started_ns = stages.clock.monotonic_ns()
        exchange.key = key = authenticate(stages.keys, exchange.token)
        permit(key, scope_of(exchange.surface))
        exchange.data_class = stages.privacy.said(key, exchange.data_class_header).data_class
        seconds = seconds_left(exchange.timeout_header, stages.longest_s)
        exchange.deadline_ns = deadline_ns = exchange.started_ns + round(seconds * 1e9)
        return key, deadline_ns

    async def _consider(self, exchange: Exchange, key: Key) -> tuple[Inference, Route]:
        """What is asked, and who would answer it."""
        stages = self._stages
        exchange.inference = inference = exchange.dialect.decode(exchange.surface, await exchange.read_body())
        await stages.privacy.look(exchange)
        return inference, stages.routing.consider(inference, key, exchange.data_class, exchange.told_to)
