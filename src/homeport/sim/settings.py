"""How the simulated upstream behaves towards everybody, until it is told otherwise."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from homeport.core.errors import InvalidRequest
from homeport.sim.answer_key import Row
from homeport.sim.faults import parse

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings. Rates are shares of requests, 0 to 1; each request takes as many rolls, whatever they are.

    Attributes:
        seed: of texts and dice.
        models: what `/v1/models` lists.
        only_models: other models get the provider's own 404.
        api_key: the key that callers must send; "" accepts any and none.
        latency_ms: median time to the first token; `latency_p99_ms` its 99th percentile (log-normal between), 0 for
            the median always.
        tokens_per_second: pace of the output; 0 means all at once.
        output_tokens: length of a text, unless the request allows less.
        cached_tokens: input tokens that every answer reports as cached, at most all.
        faults: of every request, written as in the header.
        fault_rate: the share of requests that get `faults`.
        error_rate: answered with `error_status`.
        stall_rate: stall in the middle of the answer.
        cut_rate: reset in the middle of the answer.
        missing_usage_rate: report no usage.
        rpm: requests a minute, beyond which there is a 429 with Retry-After; 0 means no limit.
        tpm: tokens a minute, likewise.
        swap_model_after: after this many requests another model answers, silently; 0 means never.
        answers: questions with their right answers; what is not among them is answered as always.
        accuracy: the share of those that a model answers rightly, by model; all of them where it is not named.
        keep: how many requests are remembered for `/sim/requests`.
    """

    seed: int = 0
    models: tuple[str, ...] = ("simulated-small", "simulated-large")
    only_models: bool = False
    api_key: str = ""
    latency_ms: NotNegative = 0.0
    latency_p99_ms: NotNegative = 0.0
    tokens_per_second: NotNegative = 0.0
    output_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 48
    cached_tokens: Count = 0
    faults: str = ""
    fault_rate: Rate = 1.0
    error_rate: Rate = 0.0
    error_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    stall_rate: Rate = 0.0
    cut_rate: Rate = 0.0
    missing_usage_rate: Rate = 0.0
    rpm: Count = 0
    tpm: Count = 0
    swap_model_after: Count = 0
    answers: tuple[Row, ...] = ()
    accuracy: Mapping[str, Rate] = {}
    keep: Count = 1000

    def changed(self, values: dict[str, object]) -> "Settings":
        """The settings with some replaced.

        Raises:
            InvalidRequest: sim_setting_invalid, sim_fault_invalid.
        """
        try:
            settings = msgspec.convert(msgspec.to_builtins(self) | values, Settings)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from error
        if settings.latency_p99_ms and not 0 < settings.latency_ms <= settings.latency_p99_ms:
            raise _invalid("`latency_p99_ms` must be at least `latency_ms`, and that above 0")
        parse(settings.faults)
        return settings


def _invalid(message: str) -> InvalidRequest:
    names = ", ".join(Settings.__struct_fields__)
    return InvalidRequest(
        f"a setting is wrong: {message}", code="sim_setting_invalid", hint=f"the settings are: {names}"
    )
