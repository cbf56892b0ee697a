"""docs/reference/compatibility.md, written from the matrix.

python -m tests.clients.page > docs/reference/compatibility.md
"""

import sys
from collections.abc import Iterable, Mapping

from tests.clients.matrix import ASKING, CLIENTS, FAILING, Client, version
from tests.clients.world import ANTHROPIC, GEMINI, LOCAL, OPENAI

_HEAD = """\
# Compatibility

Real clients, unchanged but for the URL and the key, through a running gateway. `make test` tries every "yes" of this
page. Behind the gateway are [`homeport sim`](simulator.md) as OpenAI, as Anthropic and as Gemini, and SmolLM2-135M on
llama.cpp. "-" means that it is not tried: the client has no such call, or the API behind it has none. The page is
generated from the tests: `python -m tests.clients.page`.

## Clients

| Client | Tried with | Asks |
|---|---|---|
"""

_UPSTREAMS: Mapping[str, str] = {
    OPENAI: """\
## An OpenAI model behind

Chats and embeddings pass through. Messages and, where the model does not speak them, responses are told as chats.
""",
    ANTHROPIC: """\
## An Anthropic model behind

Messages pass through; everything else is translated. Anthropic has no embeddings.
""",
    GEMINI: """\
## A Gemini model behind

Everything is translated.
""",
    LOCAL: """\
## SmolLM2 on this machine

135 million parameters: it is there to show that it works, not to think. Its chat template knows no tools and it sees no
images, so these are not tried, nor is JSON of clients that ask for it by a tool. JSON keeps to its schema because
llama.cpp lets no other token through.
""",
}

_STANDARD = """\
## LangChain's standard tests

`ChatModelIntegrationTests` of `langchain-tests`, for each API behind the gateway: 38 pass. 5 are expected to fail
(`test_tool_calling` twice, `test_tool_calling_async`, `test_unicode_tool_call_integration`, `test_json_mode`): they
look for words of the question in the answer, and a simulated upstream understands no words. 7 do not apply: their
images, PDF files and audio would be fetched from the internet, one needs recorded answers, and one is for messages in
Anthropic's own words.

"""

_FAILING = """\
## When something goes wrong

| Column | What is tried |
|---|---|
| errors | a wrong key, an unknown model, a wrong field, an upstream that is down: each is the client's own error |
| limits | a prompt beyond the key's tokens a minute is refused with `x-should-retry: false`, and not sent again |
| retries | after a 429 the client waits as `retry-after` says, asks again by itself, and gets its answer |
| timeout | an upstream that stays silent runs into the client's own timeout |
| broken stream | a stream that breaks off raises the client's error after what came; it does not look like an end |

"""


def markdown() -> str:
    """The page."""
    parts = [_HEAD, *(_client(client) for client in CLIENTS)]
    for model, about in _UPSTREAMS.items():
        parts += ["\n", about, "\n", _table(ASKING, ((client, client.on(model)) for client in CLIENTS))]
    parts += ["\n", _STANDARD, _FAILING, _table(FAILING, ((client, client.cases) for client in CLIENTS))]
    return "".join(parts)


def _client(client: Client) -> str:
    versions = ", ".join(f"`{package}` {version(client, package)}" for package in client.packages)
    return f"| {client.title} | {versions} | `{client.surface}` |\n"


def _table(columns: Mapping[str, str], rows: Iterable[tuple[Client, frozenset[str]]]) -> str:
    kept = [(client, cases) for client, cases in rows if cases & columns.keys()]
    used = {case: title for case, title in columns.items() if any(case in cases for _, cases in kept)}
    lines = [f"| Client | {' | '.join(used.values())} |", "|---" * (len(used) + 1) + "|"]
    for client, cases in kept:
        marks = " | ".join("yes" if case in cases else "-" for case in used)
        lines.append(f"| {client.title} | {marks} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
