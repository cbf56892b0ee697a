"""A model that says words it was given: what a server needs of one, without torch."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from homeport.engines.children.asked import Refused, Sampling


@dataclass(frozen=True)
class Step:
    token: int
    logprob: float | None
    top: tuple[tuple[int, float], ...] = ()


class Parrot:
    """Each byte is a token. It says `saying`, whatever it is asked.

    Attributes:
        may_go_on: set; cleared by a test, every token waits for it.
    """

    def __init__(self, saying: str = "hello") -> None:
        self._saying = saying.encode()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.said = 0
        self.broken = False

    def render(self, messages: list[dict[str, Any]]) -> str:
        if messages[0]["role"] == "nobody":
            raise Refused("roles must alternate", code="template_refused")
        return "".join(f"<{message['role']}>{message['content']}" for message in messages)

    def encode(self, text: str, *, special: bool) -> list[int]:
        return [*([1] if special else []), *text.encode()]

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(token for token in tokens if token > 1).decode(errors="replace")

    def spell(self, token: int) -> str:
        return bytes([token]).decode(errors="replace")

    def check(self, ids: Sequence[int]) -> None:
        if any(token > 255 for token in ids):
            raise Refused("a token id is not below 256", param="prompt")

    def prompt_steps(self, ids: Sequence[int], top: int) -> list[Step]:
        return [Step(ids[0], None), *(Step(token, -0.5, ((token, -0.5),) * top) for token in ids[1:])]

    def generate(
        self, ids: Sequence[int], sampling: Sampling, top: int | None, cancelled: Callable[[], bool]
    ) -> Iterator[Step]:
        if self.broken:
            raise RuntimeError("it broke")
        for token in self._saying:
            while not self.may_go_on.wait(0.01):
                if cancelled():
                    return
            self.said += 1
            yield Step(token, None if top is None else -0.25, ((token, -0.25),) * (top or 0))
