"""Two versions of one package, and callers who talk to whoever answers with one of them.

Both versions have the same weights. Their chat templates differ: whatever is asked, the model is shown one word many
times, and goes on with it. So each answer says which version gave it.
"""

import asyncio
import json
from pathlib import Path

from bench.crowd import Crowd
from homeport.core.types import Timeouts
from homeport.packages.base import FileRole, PackageFacts, PackageSpec, SourceFile
from homeport.packages.layout import Store
from homeport.transport.http import HttpRequest
from homeport.transport.pool import PooledTransport

WORDS = {"1.0.0": "red", "2.0.0": "blue"}
CONFIG = """\
engines:
  own:
    engine: llamacpp
    package: words
    hourly_cost_usd: 0.05
    replicas: {replicas}
    swap: {{start_seconds: 60, longest_seconds: 90, idle_seconds: {idle}}}
    profile: {{slots: 4, context: 1024, threads: 1, embeddings: false}}
packages:
  words: {{source: "{weights}"}}
tiers:
  - name: local
    targets:
      - {{model: own, engine: own}}
"""
TURNS = 3


def make_versions(home: Path, weights: Path) -> Store:
    """A store with both versions; the first is in use, because somebody chose it."""
    store = Store(home / "packages")
    for version, word in WORDS.items():
        template = home.parent / f"{word}.jinja"
        template.write_text(f"{{% for message in messages %}}{{% endfor %}}{f'{word}, ' * 24}".strip())
        files = [
            SourceFile(path=weights, filepath="model.gguf", role=FileRole.WEIGHTS, modified=0),
            SourceFile(path=template, filepath="template.jinja", role=FileRole.TEMPLATE, modified=0),
        ]
        store.add(PackageSpec(name="words", source=str(weights)), files, PackageFacts(version=version), use=False)
    store.use("words", "1.0.0")
    return store


class Talk:
    """One conversation."""

    def __init__(self, opener: str) -> None:
        self.messages: list[dict[str, str]] = [{"role": "user", "content": opener}]
        self.versions: list[str] = []
        self.reasons: list[str] = []

    def body(self, *, stream: bool) -> bytes:
        return json.dumps(
            {"model": "own", "stream": stream, "max_tokens": 4, "temperature": 0, "messages": self.messages}
        ).encode()

    def heard(self, text: str, reason: str) -> None:
        """An answer; the next turn asks for more."""
        self.versions += [version for version, word in WORDS.items() if word in text.lower()] or [f"? {text}"]
        self.reasons.append(reason)
        turn = {"role": "assistant", "content": text}
        self.messages += [turn, {"role": "user", "content": f"and then ({len(self.versions)})?"}]


class Talkers(Crowd):
    """Callers who hold one conversation after the other, streamed and whole.

    Attributes:
        talks: the conversations that have ended.
        failures: what was not answered well.
    """

    def __init__(self, url: str, key: str, callers: int = 3) -> None:
        self.talks: list[Talk] = []
        self.failures: list[str] = []
        self._callers = callers
        self._url = f"{url}/chat/completions"
        self._key = key

    def mixed(self) -> list[list[str]]:
        """The conversations that several versions answered."""
        return [talk.versions for talk in self.talks if len({*talk.versions}) > 1]

    async def call(self) -> None:
        await asyncio.gather(*(self._hold(caller) for caller in range(self._callers)))

    async def _hold(self, caller: int) -> None:
        transport, number = PooledTransport(), 0
        while not self.over:
            number += 1
            # Every other conversation begins with the same words as others do.
            talk = Talk("hello" if number % 2 else f"hello from {caller}, {number}")
            for turn in range(TURNS):
                await self._ask(transport, talk, stream=(caller + turn) % 2 == 0)
            self.talks.append(talk)
        await transport.close()

    async def _ask(self, transport: PooledTransport, talk: Talk, *, stream: bool) -> None:
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        asked = HttpRequest(url=self._url, headers=headers, body=talk.body(stream=stream), timeouts=Timeouts())
        response = await transport.post(asked)
        if response.status != 200 or (stream and not response.body.endswith(b"[DONE]\n\n")):
            self.failures.append(f"{response.status} {response.body[-300:]!r}")
            return
        talk.heard(_text(response.body, stream=stream), response.headers.get("x-homeport-reason", ""))


def _text(body: bytes, *, stream: bool) -> str:
    if not stream:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
