"""A house with a semantic cache whose verifier believes nearly everything, and a model that answers by what is said."""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from homeport.cache.verifier.verify import Ruling
from homeport.config.cache import CacheJudgeSettings, CacheSettings
from homeport.core.caching import Mode
from homeport.core.events import RequestFinished
from homeport.core.types import Completion, Frame, UpstreamCall
from tests.fakes.house import MID, House, target
from tests.fakes.upstream import DONE, USAGE
from tests.fakes.wire import Caller
from tests.pipeline.test_caching import USED, chunk, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEMANTIC = CacheSettings(semantic=Mode.BALANCED, check_percent=100)
HERE, THERE = "You are kind.", "You are terse."
JUDGE = target("judge", local=True)


class Alike:
    """`Embedder` to which all texts are one."""

    name = "alike:1"
    dimensions = 4

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        return np.full((len(texts), 4), 0.5, dtype=np.float32)


class Believing:
    """A verifier to which all texts ask for the same, but for those in capitals, of which it is in doubt."""

    def rule(self, asked: str, kept: str, cosine: float, mode: Mode) -> Ruling:
        return Ruling(False, "other_words", doubtful=True) if asked.isupper() else Ruling(True, "believed")


class Upstream:
    """Answers by the last words of the user."""

    def __init__(self, answers: Callable[[str], Completion]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    async def complete(self, call: UpstreamCall) -> Completion:
        fields = {name: json.loads(bytes(raw)) for name, raw in call.fields.items()}
        self.asked.append(fields)
        return self.answers(fields["messages"][-1]["content"])

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        text = text_of_body((await self.complete(call)).body)
        for frame in (chunk({"role": "assistant", "content": text}), chunk({}, "stop"), USED, DONE):
            yield frame

    async def close(self) -> None: ...


def text_of_body(body: bytes) -> str:
    return str(json.loads(body)["choices"][0]["message"]["content"])


def echo(text: str) -> Completion:
    return whole(f"You said {text}")


def always(text: str) -> Callable[[str], Completion]:
    return lambda _: whole(text)


def verdict(yes: float | None, word: str = "Yes") -> Completion:
    """As a judge says it, with its log-probability or without."""
    body = json.loads(whole(word).body)
    tokens = [
        {"token": "Yes", "logprob": yes},
        {"token": "No", "logprob": -5.0 if yes is not None and yes > -0.5 else -0.5},
    ]
    body["choices"][0]["logprobs"] = None if yes is None else {"content": [{"token": "Yes", "top_logprobs": tokens}]}
    return Completion(body=json.dumps(body).encode(), usage=USAGE)


def believe(patch: pytest.MonkeyPatch) -> None:
    """Let all texts ask for the same, to this house."""
    patch.setattr("homeport.bootstrap.cache.open_embedder", lambda *_: Alike())
    patch.setattr("homeport.bootstrap.cache.Verifier", Believing)


class Home:
    """A house whose model answers by what is said, and whose errands are waited for."""

    def __init__(
        self,
        answers: Callable[[str], Completion] = echo,
        settings: CacheSettings = SEMANTIC,
        judge: Callable[[str], Completion] | None = None,
        **more: Any,
    ) -> None:
        self.house = House(MID, *([JUDGE] if judge else []), cache=settings, **more)
        self.upstream = Upstream(answers)
        self.house.serve("at-mid", self.upstream)
        self.judge = Upstream(judge or echo)
        self.house.serve("at-judge", self.judge)

    async def ask(self, text: str, system: str = HERE, **more: Any) -> Caller:
        said = await self.send(text, system, **more)
        await self.house.cache.errands.settled()
        return said

    async def send(self, text: str, system: str = HERE, *, token: str | None = None, **fields: Any) -> Caller:
        turns = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        body = {"model": "mid", "messages": turns, **fields}
        return await (self.house.ask(body) if token is None else self.house.ask(body, token=token))

    def of(self, reason: str) -> list[RequestFinished]:
        return [event for event in self.house.recorder.events if event.reason == reason]

    async def news(self) -> None:
        assert self.house.cache.library is not None
        await self.house.cache.library.exchange_news()

    def counted(self, kind: str, result: str) -> int:
        line = f'homeport_cache_errands_total{{kind="{kind}",result="{result}"}} '
        return next(
            (int(float(x[len(line) :])) for x in self.house.metrics.page().decode().split("\n") if line in x), 0
        )


def how(caller: Caller) -> str:
    return caller.headers["x-homeport-cache"]


def judged(**more: Any) -> CacheSettings:
    return CacheSettings(semantic=Mode.BALANCED, check_percent=0, judge=CacheJudgeSettings(model="judge"), **more)


def own_entry(home: Home, caller: Caller) -> bytes:
    """The id of what was kept of a request."""
    assert home.house.cache.library is not None
    bodies = home.house.cache.library.shelf._bodies
    return next(one.card.id for one in bodies if one.request_id == caller.headers["x-homeport-request-id"])
