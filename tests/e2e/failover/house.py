"""A running gateway before a running `homeport sim`, and the three accounts of each request.

What the caller saw is a `Reply`, what the upstream saw a dict of its record, what the ledger says a row.
"""

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select

from homeport.storage.db import open_database, sqlite_url
from homeport.storage.ingest import ingest
from homeport.storage.tables import requests
from tests.e2e.program import HOMEPORT, Program

INPUT, CACHED, OUTPUT = 2000, 500, 8000
"""Nano-dollars a token of the price of every target here, openai:gpt-4.1: $2, $0.50 and $8 a million."""

PRICE = "openai:gpt-4.1"
OPENAI = ("chat/completions", "completions", "embeddings")
NATIVE = ("responses", "rerank", "moderations")
PATIENT = {"connect": 5, "first_token": 20, "between_tokens": 20, "total": 30}
HASTY = {"connect": 0.5, "first_token": 0.7, "between_tokens": 0.7, "total": 1.5}
LIMITED = 30


def configuration(sim: str, spare: str, **sections: Any) -> str:
    """homeport.yaml. Each kind of target is there twice: one that waits long, and `hasty-` that does not.

    Args:
        sim: the URL of the simulated upstream that answers.
        spare: of the one whose connections go wrong.
        sections: to be added, or to be used instead.
    """
    targets = [
        _target("chat", "sim", surfaces=OPENAI),
        _target("native", "sim", surfaces=NATIVE),
        _target("claude", "claude"),
        _target("spare", "spare", surfaces=OPENAI),
        _target("nowhere", "nowhere"),
        _target("tls", "tls"),
    ]
    hasty = [{**target, "name": f"hasty-{target['name']}", "timeouts": HASTY} for target in targets]
    pair = [_target(name, "sim", surfaces=OPENAI) for name in ("first", "second")]
    limited = [_target(f"limited-{number}", "sim") for number in range(1, LIMITED + 1)]
    free = [{"name": "free", "model": "m-free", "provider": "sim"}]
    tiers = {"any": [*targets, *hasty, *free], "pair": pair, "limited": limited}
    key = {"api_key": "key-of-the-sim"}
    settings = {
        "server": {"head_timeout": 1, "body_timeout": 1},
        "providers": {
            "sim": {"provider": "openai_compatible", "base_url": f"{sim}/v1", **key},
            "claude": {"provider": "anthropic", "base_url": f"{sim}/v1", **key},
            "spare": {"provider": "openai_compatible", "base_url": f"{spare}/v1"},
            "nowhere": {"provider": "openai_compatible", "base_url": "http://name.invalid/v1"},
            "tls": {"provider": "openai_compatible", "base_url": f"{spare.replace('http:', 'https:')}/v1"},
        },
        "tiers": [{"name": name, "targets": listed} for name, listed in tiers.items()],
        "timeouts": PATIENT,
        # A budget that is never spent and a breaker that never opens: no test depends on those before it.
        "retries": {"rounds": 3, "base_seconds": 0.001, "longest_wait_seconds": 2, "budget": 10},
        "breaker": {"failures": 1000, "window": 10_000},
        **sections,
    }
    return json.dumps(settings)  # JSON is YAML.


def _target(name: str, provider: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "model": f"m-{name}", "provider": provider, "price": PRICE, **more}


class Sim:
    """`homeport sim` in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (*HOMEPORT, "sim", "--port", "0", "--control-port", "0", "--keep", "200", "--json"), stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        said = b""
        while not said.strip().endswith(b"}"):
            said += self._process.stdout.readline()
        addresses = json.loads(said)
        self.url: str = addresses["url"]
        self._control = addresses["control_url"].removeprefix("http://")

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(self._control, timeout=30)
        try:
            connection.request(method, f"/sim/{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            told = json.loads(response.read())
            assert response.status == 200, told
            return told
        finally:
            connection.close()

    def queue(self, faults: str, times: int = 1) -> None:
        self.ask("POST", "faults", {"faults": faults, "times": times})

    def listen(self, mode: str) -> None:
        self.ask("POST", "listen", {"mode": mode})

    def seen(self, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"requests?after={after}")["requests"]
        return found

    @property
    def total(self) -> int:
        return int(self.ask("GET", "requests?after=999999999")["total"])

    def wait_idle(self) -> None:
        """Until it answers nobody."""
        wait_until(lambda: self.ask("GET", "requests?after=999999999")["running"] == 0)


@dataclass
class Reply:
    """What the caller saw. `ended`: the response came to its end in proper HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ended: bool

    @property
    def request_id(self) -> str:
        return self.headers["x-homeport-request-id"]

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def events(self) -> list[str]:
        """The data of each event of a stream, whatever ends its lines."""
        text = self.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        found = []
        for event in text.split("\n\n"):
            lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
            if lines:
                found.append("\n".join(lines))
        return found

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    @property
    def text(self) -> str:
        """What the streamed chat says."""
        deltas = [choice.get("delta", {}) for chunk in self.chunks for choice in chunk.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def ends_well(self) -> bool:
        """A stream that says that it is complete."""
        last = self.events[-1] if self.events else ""
        return last == "[DONE]" or (last.startswith("{") and json.loads(last).get("type") in ENDS)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a body, or of the event that a stream ends with."""
        told = json.loads(self.events[-1]) if self.status == 200 else self.fields
        error: dict[str, Any] = told.get("error") or told.get("response", {}).get("error") or {}
        return error


ENDS = {"response.completed", "response.incomplete", "message_stop"}

QUESTION = "Which clause ends the contract?"
BODIES: Mapping[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": QUESTION}]},
    "completions": {"prompt": QUESTION},
    "embeddings": {"input": QUESTION},
    "responses": {"input": QUESTION},
    "messages": {"max_tokens": 100, "messages": [{"role": "user", "content": QUESTION}]},
    "rerank": {"query": "a lease", "documents": ["a lease", "a loan"]},
    "moderations": {"input": QUESTION},
}


@dataclass
class House:
    """Everything that a test of this folder needs."""

    program: Program
    sim: Sim
    spare: Sim
    engine: Engine | None = None
    _limited: int = field(default=0)

    def body(self, surface: str, model: str, **fields: Any) -> dict[str, Any]:
        return {"model": model, **BODIES[surface], **fields}

    def ask(
        self,
        surface: str = "chat/completions",
        model: str = "chat",
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Reply:
        """One request on a connection of its own."""
        return self.send(f"/v1/{surface}", json.dumps(self.body(surface, model, **fields)), headers)

    def send(self, path: str, body: str | bytes, headers: Mapping[str, str] | None = None) -> Reply:
        connection, response = self.open(path, body, headers)
        return read(connection, response)

    def open(
        self, path: str, body: str | bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A request whose head has come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=60)
        connection.request("POST", path, body, {"authorization": f"Bearer {self.program.key}", **(headers or {})})
        return connection, connection.getresponse()

    def rows(self, *conditions: Any) -> list[dict[str, Any]]:
        """What the ledger has, the journal brought in first."""
        if self.engine is None:
            self.engine = open_database(sqlite_url(self.program.home / "homeport.db"))
        ingest(self.engine, self.program.home / "journal")
        with self.engine.connect() as connection:
            query = select(requests).where(*conditions).order_by(requests.c.started_at)
            return [dict(row._mapping) for row in connection.execute(query)]

    def row(self, request_id: str) -> dict[str, Any]:
        (row,) = self.rows(requests.c.request_id == request_id)
        return row | {"attempts": json.loads(row["attempts"])}

    def left(self, since: int) -> dict[str, Any]:
        """Of the one caller who came after `since`, in nanoseconds since 1970, and left; waits until it is there."""
        left = requests.c.started_at >= since, requests.c.outcome == "cancelled"
        wait_until(lambda: bool(self.rows(*left)))
        (row,) = self.rows(*left)
        return row

    def close(self) -> None:
        """Close the database; it is opened again when it is asked."""
        if self.engine is not None:
            self.engine.dispose()
            self.engine = None

    def limited(self) -> str:
        """A model that nobody has asked for yet: what a Retry-After does to it concerns no other test."""
        self._limited += 1
        return f"limited-{self._limited}"


def read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Reply:
    """The rest of a response."""
    try:
        body, ended = response.read(), True
    except http.client.IncompleteRead as error:
        body, ended = error.partial, False
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, body, ended)


def wait_until(done: Callable[[], bool], seconds: float = 30) -> None:
    """Until another process has come to it; there is no event between two processes to wait for."""
    began = time.monotonic()
    while not done():
        assert time.monotonic() - began < seconds, "it did not come to it"
        time.sleep(0.01)
