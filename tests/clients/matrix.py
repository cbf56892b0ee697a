"""Which client can do what through the gateway. docs/reference/compatibility.md is written from here.

A cell is a client, a model (by the API behind it) and a case of the client's program. Every cell is a test.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tests.clients.world import ANTHROPIC, GEMINI, LOCAL, OPENAI

ROOT = Path(__file__).parents[2]

ASKING: Mapping[str, str] = {
    "chat": "chat",
    "async": "async",
    "stream": "stream",
    "tools": "tools",
    "forced_tool": "forced tool",
    "streamed_tools": "streamed tools",
    "json_schema": "JSON schema",
    "image": "image",
    "embeddings": "embeddings",
    "count_tokens": "count tokens",
    "standard": "standard tests",
}
"""Cases that are tried with each API behind the gateway, and their columns."""

FAILING: Mapping[str, str] = {
    "errors": "errors",
    "limits": "limits",
    "retries": "retries",
    "timeout": "timeout",
    "broken_stream": "broken stream",
}
"""Cases of what goes wrong: the same for every API behind the gateway."""

# The weights of 135 million parameters cannot do the others; the page says why.
_SMALL = frozenset({"chat", "async", "stream", "json_schema", "embeddings", "count_tokens"})
_NO_VECTORS = frozenset({ANTHROPIC})


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client library as an application uses it.

    Attributes:
        title: its row on the page.
        packages: those whose versions the page tells, as their registry names them.
        environment: `latest` or `openai2` (virtual environments), or `npm`.
        program: a module of tests/clients/programs, or a file of tests/clients/npm.
        surface: the path of the gateway that it asks.
        cases: what its program can do.
        small: the cases that SmolLM2 is tried with; those that it is able to.
        lacks: by model, what the client itself refuses to do with it.
    """

    title: str
    packages: tuple[str, ...]
    environment: str
    program: str
    surface: str
    cases: frozenset[str]
    small: frozenset[str] = _SMALL
    lacks: Mapping[str, frozenset[str]] = {}

    def on(self, model: str) -> frozenset[str]:
        """The cases that hold for the API behind this model."""
        asking = self.cases & ASKING.keys() - self.lacks.get(model, frozenset())
        if model == LOCAL:
            return asking & self.small
        return asking - {"embeddings"} if model in _NO_VECTORS else asking


def _cases(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OPENAI = _cases("chat async stream tools forced_tool streamed_tools json_schema image embeddings") | FAILING.keys()
_MESSAGES = _OPENAI - {"embeddings"} | {"count_tokens"}
# It has no word for retries that are no use, and everything in it is asynchronous.
_VERCEL = _OPENAI - {"async", "limits"}

_SDKS = (
    Client(
        title="openai (Python), chat",
        packages=("openai",),
        environment="latest",
        program="use_openai_chat",
        surface="/v1/chat/completions",
        cases=_OPENAI,
    ),
    Client(
        title="anthropic (Python)",
        packages=("anthropic",),
        environment="latest",
        program="use_anthropic",
        surface="/v1/messages",
        cases=_MESSAGES,
    ),
    Client(
        title="openai (npm)",
        packages=("openai",),
        environment="npm",
        program="use_openai.mjs",
        surface="/v1/chat/completions",
        cases=_OPENAI - {"async"},
    ),
    Client(
        title="@anthropic-ai/sdk (npm)",
        packages=("@anthropic-ai/sdk",),
        environment="npm",
        program="use_anthropic.mjs",
        surface="/v1/messages",
        cases=_MESSAGES - {"async"},
    ),
    Client(
        title="ai, @ai-sdk/openai-compatible (npm)",
        packages=("ai", "@ai-sdk/openai-compatible"),
        environment="npm",
        program="use_vercel_compatible.mjs",
        surface="/v1/chat/completions",
        cases=_VERCEL,
    ),
    Client(
        title="ai, @ai-sdk/openai (npm)",
        packages=("ai", "@ai-sdk/openai"),
        environment="npm",
        program="use_vercel_openai.mjs",
        surface="/v1/responses",
        cases=_VERCEL,
    ),
    Client(
        title="ai, @ai-sdk/anthropic (npm)",
        packages=("ai", "@ai-sdk/anthropic"),
        environment="npm",
        program="use_vercel_anthropic.mjs",
        surface="/v1/messages",
        cases=_VERCEL - {"embeddings"},
        small=_SMALL - {"json_schema"},  # It asks for JSON by a tool.
    ),
)

_PYDANTIC = _cases("chat async stream tools forced_tool streamed_tools json_schema image errors broken_stream")
_FIVE = _OPENAI - {"limits"}
_JSON = frozenset({"json_schema"})

_FRAMEWORKS = (
    Client(
        title="openai (Python), responses",
        packages=("openai",),
        environment="latest",
        program="use_openai_responses",
        surface="/v1/responses",
        cases=_OPENAI - {"embeddings"},
    ),
    Client(
        title="LangChain",
        packages=("langchain-openai", "langchain-tests"),
        environment="latest",
        program="use_langchain",
        surface="/v1/chat/completions",
        cases=_FIVE | {"standard"},
    ),
    Client(
        title="pydantic-ai, chat",
        packages=("pydantic-ai-slim",),
        environment="latest",
        program="use_pydantic_chat",
        surface="/v1/chat/completions",
        cases=_PYDANTIC,
    ),
    Client(
        title="pydantic-ai, responses",
        packages=("pydantic-ai-slim",),
        environment="latest",
        program="use_pydantic_responses",
        surface="/v1/responses",
        cases=_PYDANTIC,
    ),
    Client(
        title="pydantic-ai, Anthropic",
        packages=("pydantic-ai-slim", "anthropic"),
        environment="latest",
        program="use_pydantic_anthropic",
        surface="/v1/messages",
        cases=_PYDANTIC,
        # It asks for JSON by a schema only of models that it knows by name.
        lacks={OPENAI: _JSON, GEMINI: _JSON, LOCAL: _JSON},
    ),
    Client(
        title="openai-agents",
        packages=("openai-agents",),
        environment="latest",
        program="use_agents",
        surface="/v1/responses",
        cases=_PYDANTIC - {"async", "image"},
    ),
    Client(
        title="instructor",
        packages=("instructor", "openai"),
        environment="openai2",
        program="use_instructor",
        surface="/v1/chat/completions",
        cases=_cases("async stream forced_tool streamed_tools json_schema errors"),
    ),
    Client(
        title="LiteLLM as a client",
        packages=("litellm", "openai"),
        environment="openai2",
        program="use_litellm",
        surface="/v1/chat/completions",
        cases=_FIVE,
    ),
)

CLIENTS = (*_SDKS, *_FRAMEWORKS)
"""In the order of the page."""


class Cell(msgspec.Struct, frozen=True):
    """One test."""

    client: Client
    model: str
    case: str

    def __str__(self) -> str:
        return f"{self.client.program}-{self.model}-{self.case}"


def cells() -> Iterator[Cell]:
    """All of them."""
    for client in CLIENTS:
        for model in (OPENAI, ANTHROPIC, GEMINI, LOCAL):
            yield from (Cell(client, model, case) for case in sorted(client.on(model)))
        yield from (Cell(client, OPENAI, case) for case in sorted(client.cases - ASKING.keys()))


def version(client: Client, package: str) -> str:
    """The version that is locked."""
    if client.environment == "npm":
        lock = msgspec.json.decode((ROOT / "tests" / "clients" / "npm" / "package-lock.json").read_bytes())
        return str(lock["packages"][f"node_modules/{package}"]["version"])
    name = {"latest": "clients.txt", "openai2": "clients-openai2.txt"}[client.environment]
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==([^ ;]+)", lines, re.MULTILINE)
    assert found, f"{package} is not locked in requirements/{name}"
    return found[1]
