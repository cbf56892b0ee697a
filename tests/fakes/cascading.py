"""A policy that cascades, judges that say what they are told to, and answers with log-probabilities."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from homeport.core.routing import Answer, Decision, Question, Verdict
from homeport.core.types import Completion, Frame, Target, Usage
from tests.fakes.house import MID, OWN, House
from tests.fakes.upstream import USAGE, Step, counted, event, spoken, whole
from tests.fakes.wire import Caller

GOOD, POOR = -0.01, -2.5
"""Log-probabilities of a token that the model was sure of, and of one that it was not."""


class Climbing:
    """`Policy`: every answer but the last tier's is looked at."""

    def decide(self, question: Question, eligible: tuple[Target, ...]) -> Decision:
        return Decision(candidates=eligible, reason=f"cascade:{eligible[0].tier}", cascade=True)


class SetJudge:
    """`Judge`: accepts the answers of the targets that are named.

    Args:
        look: or those that it likes.
        doubts: whether it is not sure.

    Attributes:
        seen: what it was shown.
        given: names of the targets whose answers the callers got.
    """

    def __init__(self, *good: str, look: Callable[[Answer], bool] | None = None, doubts: bool = False) -> None:
        self._good = good
        self.given: list[str] = []
        self._look = look
        self._doubts = doubts
        self.seen: list[tuple[str, Answer]] = []

    def answered(self, question: Question, offered: Sequence[Target], target: Target) -> None:
        self.given.append(target.name)

    def judge(self, question: Question, target: Target, answer: Answer) -> Verdict:
        self.seen.append((target.name, answer))
        accept = target.name in self._good or (self._look is not None and self._look(answer))
        reason = "fine" if accept else "low_confidence"
        return Verdict(accept=accept, reason=reason, confidence=0.42, threshold=0.55, doubtful=self._doubts)


def tokens(text: str, logprob: float) -> dict[str, Any]:
    """A chat's `logprobs`: one token a word."""
    words = text.split(" ")
    return {
        "content": [
            {
                "token": word,
                "logprob": logprob,
                "bytes": [*word.encode()],
                "top_logprobs": [{"token": word, "logprob": logprob}, {"token": "", "logprob": logprob - 1}],
            }
            for word in words
        ]
    }


def sure(text: str = "Clause 9.", logprob: float = GOOD, usage: Usage | None = USAGE, **choice: Any) -> Completion:
    """A whole chat with log-probabilities."""
    told = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
    body = {"id": "c1", "choices": [{**told, "logprobs": tokens(text, logprob)}], "object": "chat.completion"}
    return Completion(body=json.dumps(body).encode(), usage=usage)


def unsure(text: str = "Clause 3?", **more: Any) -> Completion:
    return sure(text, POOR, **more)


def piece(text: str, logprob: float | None = None, finish: str | None = None) -> Frame:
    """A chunk of a chat's stream, of one token."""
    choice: dict[str, Any] = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    if logprob is not None:
        choice["logprobs"] = tokens(text, logprob)
    return Frame(data=event({"id": "c1", "choices": [choice]}), events=1)


def streamed(*texts: str, logprob: float | None = None, usage: Usage = USAGE) -> list[Step]:
    """A stream that goes well."""
    pieces = [piece(text, logprob) for text in texts]
    done = Frame(data=b"data: [DONE]\n\n", closing=True)
    return [*pieces, piece("", finish="stop"), counted(usage), done]


def answering(body: dict[str, Any], *texts: str) -> Any:
    return spoken(*texts) if body.get("stream") else whole("".join(texts))


def climbing_house(*targets: Target, good: tuple[str, ...] = (), **more: Any) -> House:
    more.setdefault("judge", SetJudge(*good))
    return House(*(targets or (OWN, MID)), policy=Climbing(), **more)


def text_of(body: dict[str, Any], caller: Caller) -> str:
    if not body.get("stream"):
        return str(caller.json["choices"][0]["message"]["content"])
    chunks = [line for line in caller.body.decode().splitlines() if line.startswith("data: {")]
    return "".join(said_in(line) for line in chunks)


def said_in(line: str) -> str:
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return choices[0]["delta"].get("content", "") if choices else ""
