"""Events to record, as small as they can be."""

from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome


def finished(request_id: str, *, cost: int = 7, started_at: int = 1) -> RequestFinished:
    return RequestFinished(
        request_id=request_id,
        started_at=started_at,
        key_id="key_1",
        surface="chat/completions",
        requested_model="auto",
        tier="local",
        target="smollm2",
        upstream="smollm2",
        model="smollm2",
        local=True,
        data_class="open",
        stream=False,
        outcome=Outcome.COMPLETED,
        status=200,
        error="",
        reason="static:local",
        input_tokens=10,
        cached_input_tokens=2,
        cache_write_tokens=1,
        output_tokens=5,
        reasoning_tokens=0,
        estimated=False,
        cost=cost,
        price_source="hourly",
        latency_ns=1_000_000,
        ttft_ns=500_000,
        attempts=(Attempt(target="smollm2", error="", started_ns=0, ended_ns=9),),
    )
