"""How long a prompt is, without an answer: counted by the upstream where it can, else estimated."""

from collections.abc import Awaitable, Callable, Mapping

from homeport.core.errors import UpstreamError
from homeport.core.ports import KeyRing, TokenCounter
from homeport.core.privacy import Action
from homeport.core.types import Inference, Scope, Surface, UpstreamCall
from homeport.ledger.usage import estimate
from homeport.pipeline.admission import Admission
from homeport.pipeline.authenticate import authenticate, permit
from homeport.pipeline.deadline import seconds_left
from homeport.pipeline.occupancy import Occupancy
from homeport.pipeline.privacy import PrivacyStage
from homeport.pipeline.routing import RouteStage


class TokenCounting:
    """Counts prompts. It costs nothing, so it leaves no record and uses up no limit but the places.

    Args:
        counters: the upstreams that count, by name.
        longest_s: seconds that a caller waits who sets no deadline.
        use: entered by each request, for as long as it may need an upstream.
    """

    def __init__(
        self,
        *,
        keys: KeyRing,
        admission: Admission,
        routing: RouteStage,
        privacy: PrivacyStage,
        counters: Mapping[str, TokenCounter],
        longest_s: float,
        use: Occupancy | None = None,
    ) -> None:
        self._keys = keys
        self._admission = admission
        self._routing = routing
        self._privacy = privacy
        self._counters = counters
        self._longest_s = longest_s
        self._use = use or Occupancy()

    async def count(
        self,
        *,
        request_id: str,
        token: str | None,
        data_class_header: str | None,
        timeout_header: str | None,
        read: Callable[[], Awaitable[Inference]],
    ) -> int:
        """Tokens of the prompt for the model that would be asked first.

        Raises:
            HomeportError: whatever would refuse the same prompt, were it to be answered.
        """
        key = authenticate(self._keys, token)
        permit(key, Scope.CHAT)
        self._privacy.said(key, data_class_header)
        seconds = seconds_left(timeout_header, self._longest_s)
        with self._use, self._admission.admit(key):
            inference = await read()
            assessment = await self._privacy.examine(key, data_class_header, inference, request_id)
            data_class = assessment.data_class
            [target, *_] = self._routing.consider(inference, key, data_class).decision.candidates
            counter = self._counters.get(target.upstream) if Surface.MESSAGES in target.surfaces else None
            # The mask keeps private data at home; a policy may be a third party's, and nothing is redacted here.
            if counter is None or (assessment.action is not Action.ALLOW and not target.local):
                return estimate(inference.input_chars, 0).input_tokens
            call = UpstreamCall(
                target=target,
                surface=Surface.MESSAGES,
                fields=inference.fields,
                request_id=request_id,
                timeouts=target.timeouts.within(seconds),
            )
            return await _counted(counter, call, inference)


async def _counted(counter: TokenCounter, call: UpstreamCall, inference: Inference) -> int:
    try:
        return await counter.count_tokens(call)
    except UpstreamError as error:
        if not error.retryable:
            raise
        return estimate(inference.input_chars, 0).input_tokens
