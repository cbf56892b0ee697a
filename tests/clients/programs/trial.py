"""What every program of a client shares: the questions, and how it tells which of its cases hold.

A program reads a plan from standard input: the world (tests/clients/world.py) and cells [model, case].
For each cell it writes one line of JSON: the model, the case, and why it failed, or null.
"""

import asyncio
import inspect
import json
import sys
import traceback
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

QUESTION = "Tell me about the harbour of Genoa."
TOOL_QUESTION = "Use the tool get_weather for Genoa."
TOOL_ANSWER = "19 degrees and sunny"
# A red square of 8 by 8 pixels.
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mM4ISCAFTEMLQkA2BI6AdEYQ+wAAAAASUVORK5CYII="
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Trial:
    """One case of one client: where to ask, and for which model."""

    url: str
    key: str
    small_key: str
    sim: str
    model: str

    @property
    def max_tokens(self) -> int:
        """Enough for a simulated answer; few of real ones, which cost time."""
        return 24 if self.real else 64

    @property
    def root(self) -> str:
        """The gateway's URL without /v1, as Anthropic's clients want it."""
        return self.url.removesuffix("/v1")

    @property
    def real(self) -> bool:
        """The weights are real: the text is up to them."""
        return self.model == "smollm2"

    @property
    def embedder(self) -> str:
        """The model that stands for this one's API where vectors are asked for."""
        return {"gpt-5.4": "text-embedding-3-small", "gemini-2.5-pro": "gemini-embedding-001"}.get(
            self.model, self.model
        )

    def fail_once(self) -> int:
        """The next request of the model `once` meets a 429 that asks for a second. Gives where the record ends."""
        self._control("POST", "/sim/faults", {"faults": "status=429;retry-after=1", "path": "/once/"})
        return int(self._control("GET", "/sim/requests")["total"])

    def check_waited(self, since: int) -> None:
        """The client came twice, and left the second between that it was asked for."""
        seen = self._control("GET", f"/sim/requests?after={since}")["requests"]
        first, second = (each for each in seen if "/once/" in each["path"])
        assert (first["status"], second["status"]) == (429, 200), (first["status"], second["status"])
        assert second["began"] - first["began"] >= 0.9, second["began"] - first["began"]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.sim + path, data, method=method)) as response:
            return json.load(response)


Case = Callable[[Trial], Any]


def check_text(trial: Trial, text: str | None) -> None:
    """There is an answer; a simulated one quotes the question."""
    assert text, text
    assert trial.real or "Genoa" in text, text


def check_arguments(arguments: Any) -> None:
    """A tool's arguments keep to PARAMETERS."""
    assert set(arguments) == {"city", "days"}, arguments
    assert isinstance(arguments["city"], str), arguments
    assert 1 <= arguments["days"] <= 7, arguments


def check_usage(given: int | None, made: int | None, total: int | None = None) -> None:
    """Tokens in and out, counted; and their sum where the client has one."""
    assert given, given
    assert made, made
    assert total in (None, given + made), (given, made, total)


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], do: Callable[[], Any]) -> Any:
    """The error that `do` ends with, which must be of this kind."""
    try:
        do()
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised; {kind} was expected")


async def breaks(kind: type[BaseException], doing: Awaitable[Any]) -> None:
    """Wait for what must end with an error of this kind."""
    try:
        await doing
    except kind:
        return
    raise AssertionError(f"nothing was raised; {kind} was expected")


def run(cases: Mapping[str, Case]) -> None:
    """Carry out the plan."""
    plan = json.load(sys.stdin)
    with asyncio.Runner() as runner:  # One for all: some clients keep their connections.
        for model, name in plan["cells"]:
            error = _outcome(runner, cases, name, Trial(**plan["world"], model=model))
            print(json.dumps({"model": model, "case": name, "error": error}))
            sys.stdout.flush()


def _outcome(runner: asyncio.Runner, cases: Mapping[str, Case], name: str, trial: Trial) -> str | None:
    try:
        made = cases[name](trial)
        if inspect.iscoroutine(made):
            runner.run(made)
    except BaseException:  # Whatever it is, it is told, and the next case is tried.
        return traceback.format_exc(limit=-6)
    return None
