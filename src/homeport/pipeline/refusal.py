"""What the caller is told when nobody answered."""

import math

from homeport.core.errors import EngineBusy, NoAnswer, PrivateTierUnavailable
from homeport.core.types import DataClass
from homeport.pipeline.deployments import COOLING_DOWN
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gate import SHARE_USED, TURNED_AWAY
from homeport.pipeline.spending import NOT_PAID

OUT_OF_TIME = "deadline_exceeded"
_STATUS_OF_LAST_ERROR = {
    "upstream_rate_limited": 429,
    NOT_PAID: 429,
    COOLING_DOWN: 429,
    OUT_OF_TIME: 504,
    "upstream_bad_answer": 502,
    "upstream_answer_too_large": 502,
    "upstream_event_too_large": 502,
    "upstream_stream_cut": 502,
}
# Waiting mends none of these: our key, our bill or our model's name is wrong there.
_OPERATORS = frozenset({"upstream_auth_failed", "upstream_unpaid", "upstream_model_missing"})


def no_answer(exchange: Exchange, wait_s: float, busy: EngineBusy | None = None) -> NoAnswer | PrivateTierUnavailable:
    """The error after every attempt failed.

    Args:
        wait_s: seconds until one of the candidates may be asked again.
        busy: of the own engines that had no place, the one that has one the soonest.
    """
    attempts = tuple(f"{attempt.target}: {attempt.error}" for attempt in exchange.attempts)
    if busy is not None and exchange.attempts[-1].error in TURNED_AWAY:
        return _turned_away(exchange, busy, attempts)
    if exchange.data_class is DataClass.PRIVATE:
        return PrivateTierUnavailable(
            f"this request is private and no model at home could answer it ({'; '.join(attempts)})",
            hint="homeport status shows the engines; the request was not sent elsewhere",
        )
    if all(attempt.error in _OPERATORS for attempt in exchange.attempts):
        return NoAnswer(
            f"no upstream accepts this gateway's requests ({'; '.join(attempts)})",
            attempts=attempts,
            status=502,
            hint="trying again does not help; who runs this gateway can mend the provider's key, account or model name",
        )
    last = exchange.attempts[-1].error
    status = 504 if "timeout" in last or last == "upstream_stalled" else _STATUS_OF_LAST_ERROR.get(last, 503)
    return NoAnswer(
        f"no model could answer ({'; '.join(attempts)})",
        attempts=attempts,
        status=status,
        hint="try again; homeport status shows what is up",
        retry_after=max(1, math.ceil(wait_s)),
    )


def _turned_away(exchange: Exchange, busy: EngineBusy, attempts: tuple[str, ...]) -> NoAnswer:
    """Nobody took what an own engine had no place for."""
    stays = "; the request is private and was not sent elsewhere" if exchange.data_class is DataClass.PRIVATE else ""
    return NoAnswer(
        busy.message + stays,
        attempts=attempts,
        code=busy.code,
        status=429 if busy.code == SHARE_USED else 503,
        hint=f"try again after {busy.retry_after} s: a place is kept for then, up to a minute ahead",
        retry_after=busy.retry_after,
    )
