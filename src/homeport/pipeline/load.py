"""What a call weighs, from when it is sent until its last byte."""

from homeport.core.types import Inference, Usage
from homeport.pipeline.deployments import Deployment
from homeport.pipeline.gate import Place
from homeport.pipeline.pace import Work

_ANSWER_TOKENS = 256


class Load:
    """A call that a deployment works on, and the place that it has there where there is a gate."""

    def __init__(self, deployment: Deployment, tokens: int, place: Place | None, now: int) -> None:
        self.deployment = deployment
        self._tokens = tokens
        self._place = place
        deployment.begin(tokens, now)

    def end(self, now: int, usage: Usage | None = None) -> None:
        """It is none any more. `usage`: what an answer used that came to its end; left out for any other."""
        self.deployment.end(self._tokens)
        if self._place is not None:
            self._place.leave(now, None if usage is None else _work(usage))


def weight(inference: Inference) -> int:
    """What a request weighs, in tokens: its prompt, and an answer of ordinary length."""
    return inference.input_chars // 4 + _ANSWER_TOKENS


def _work(usage: Usage) -> Work:
    return Work(read=max(0, usage.input_tokens - usage.cached_input_tokens), wrote=usage.output_tokens)
