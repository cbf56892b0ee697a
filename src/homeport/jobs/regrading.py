"""A kept request is asked again on its route, and the judge of before grades what it is answered now."""

from collections.abc import Callable, Mapping, Sequence

from homeport.core.captured import Captured
from homeport.core.errors import NotFound
from homeport.core.ports import Dialect
from homeport.core.purposes import QUALITY_CHECK
from homeport.core.types import Outcome, Surface, Target
from homeport.evaluation.verdicts import read_grade
from homeport.jobs.judge_calls import Fate, Questions, Reply, cost_of, fate_of
from homeport.jobs.judge_purse import unpriced
from homeport.jobs.judging import Terms, epoch_of, is_private, prompt_of
from homeport.jobs.paired_check import Regraded
from homeport.pipeline.again import answered_again, asked_again
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.pipeline import Runner
from homeport.storage.quality_days import RouteName

ANOTHER_MODEL = "another_model"

Resolve = Callable[[str], Sequence[Target]]


class Regrader:
    """Asks through the request path.

    Args:
        resolve: who answers by a name now, for chats; raises NotFound.
        questions: to the judge.
        key: the id of the key that pays; None: that of each request.
        bounded: what is asked must have a price, for what a day may cost is bounded.
        fence: makes what nobody can guess, see evaluation/judge.py.
    """

    def __init__(
        self,
        pipeline: Runner,
        resolve: Resolve,
        dialects: Mapping[Surface, Dialect],
        questions: Questions,
        terms: Terms,
        *,
        key: str | None,
        bounded: bool,
        fence: Callable[[], str],
    ) -> None:
        self._pipeline = pipeline
        self._resolve = resolve
        self._dialects = dialects
        self._questions = questions
        self._terms = terms
        self._key = key
        self._bounded = bounded
        self._fence = fence

    def epoch(self) -> str:
        """Of the judge now. Raises NotFound: nobody has its name."""
        return epoch_of(self._terms, self._resolve(self._terms.model)).digest

    def can_ask(self, route: RouteName) -> bool:
        """Whether the route is there, and what asking costs is known where that is bounded."""
        try:
            targets = self._resolve(route.target)
        except NotFound:
            return False
        here = any(target.tier == route.tier for target in targets)
        return here and not (self._bounded and unpriced([*targets, *self._resolve(self._terms.model)]))

    async def regrade(self, captured: Captured, route: RouteName) -> Regraded | None:
        """Ask once, and have it graded; None where nothing was asked and it is to be tried later."""
        payer = self._key or captured.key_id
        exchange = asked_again(captured, route.target, payer, self._dialects[captured.surface], QUALITY_CHECK)
        await self._pipeline.run(exchange)
        if exchange.outcome is not Outcome.COMPLETED:
            return self._unanswered(exchange)
        target = exchange.target
        if target is None or (target.tier, target.name) != (route.tier, route.target):
            return _failed(exchange, ANOTHER_MODEL)
        again = answered_again(captured, exchange)
        prompt = prompt_of(again, self._terms, self._fence)
        return _graded(exchange, await self._questions.ask(prompt, captured.key_id, private=is_private(again)))

    def _unanswered(self, exchange: Exchange) -> Regraded | None:
        error = exchange.error
        fate = fate_of(error, one_key=self._key is not None)
        if fate is Fate.HELD:
            return None
        why = error.code if error is not None else exchange.outcome.value
        return _failed(exchange, why, failed=fate is Fate.FAILED)


def _failed(exchange: Exchange, why: str, *, failed: bool = True) -> Regraded:
    return Regraded(score=None, why=why, failed=failed, asked_as=exchange.request_id, cost=cost_of(exchange))


def _graded(exchange: Exchange, reply: Reply) -> Regraded:
    """An answer without a grade was paid all the same."""
    cost = cost_of(exchange) + reply.cost
    if reply.fate is not Fate.ANSWERED:
        failed = reply.fate is not Fate.REFUSED
        return Regraded(score=None, why=reply.error, failed=failed, asked_as=exchange.request_id, cost=cost)
    verdict = read_grade(reply.text, reply.finish)
    why = "" if verdict.score is not None else verdict.label
    return Regraded(score=verdict.score, why=why, asked_as=exchange.request_id, cost=cost)
