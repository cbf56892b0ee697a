"""A running gateway with a simulated upstream that knows the right answers, for benchmarks of the cache."""

import contextlib
import json
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.cache_traffic import KEYS_A_PROJECT, PROJECTS
from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, environment

MODEL = "mid-1"
_READY_S = 120.0
_KNOWN_S = 2.0
"""After which every process knows a new key."""
_PRICE = {"input_per_mtok": "0.4", "cached_input_per_mtok": "0.1", "output_per_mtok": "1.6"}


class Row(msgspec.Struct, frozen=True, gc=False):
    """What the ledger has of one request, in nano-dollars."""

    cost: int
    saved: int
    cache: str


class Sim:
    """The upstream, while it runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def told(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask or tell `/sim/`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/sim/{path}", data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    @property
    def calls(self) -> int:
        """That it got so far."""
        return int(self.told("requests?after=999999999")["total"])


class House:
    """A state folder, and while `up` the gateway of it."""

    def __init__(self, folder: Path, sim: Sim, settings: Mapping[str, Any], *, workers: int = 2) -> None:
        self.folder = folder
        self.port = free_port()
        self.keys: list[str] = []
        folder.mkdir(parents=True)
        self._environment = environment(folder / "home", self.port)
        target = {"model": MODEL, "provider": "sim", "price": "bench:mid", "capabilities": ["tools", "json"]}
        config = {
            "server": {"workers": workers, "max_in_flight": 4096},
            "providers": {"sim": {"provider": "openai_compatible", "base_url": f"{sim.url}/v1"}},
            "tiers": [{"name": "mid", "targets": [target]}],
            "prices": [{"model": "bench:mid", "from": "2020-01-01", **_PRICE}],
            "logging": {"level": "error"},
            **settings,
        }
        (folder / "homeport.yaml").write_text(json.dumps(config), encoding="utf-8")

    def command(self, *arguments: str) -> str:
        """What a homeport command prints."""
        argv = (*PROGRAM, *arguments)
        done = subprocess.run(argv, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"homeport {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def up(self) -> Iterator["House"]:
        """Run the gateway; the first time with new keys for all projects."""
        with process((*PROGRAM, "up"), folder=self.folder, environment=self._environment) as child:
            wait_ready(child, self.port, "/readyz", _READY_S, self.folder)
            if not self.keys:
                places = [project for project in PROJECTS for _ in range(KEYS_A_PROJECT)]
                made = [
                    self.command("keys", "create", f"k{at}", "--project", one, "--json")
                    for at, one in enumerate(places)
                ]
                self.keys = [str(json.loads(one)["key"]) for one in made]
                time.sleep(_KNOWN_S)
            yield self

    def ledger(self) -> dict[str, Row]:
        """Of each request, by its id."""
        self.command("cost", "--json")  # takes in what is still in the journal
        address = f"{(self.folder / 'home' / 'homeport.db').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            rows = database.execute("SELECT request_id, cost, saved_cost, cache FROM requests").fetchall()
        return {request_id: Row(cost, saved, cache) for request_id, cost, saved, cache in rows}

    def totals(self) -> dict[str, Any]:
        """What `homeport cost` says."""
        return dict(json.loads(self.command("cost", "--json")))


@contextlib.contextmanager
def upstream(folder: Path, answers: Mapping[str, str], *options: str) -> Iterator[Sim]:
    """`homeport sim`, which answers these texts so."""
    room, port = folder / "sim", free_port()
    room.mkdir(parents=True)
    known = room / "answers.jsonl"
    known.write_text("".join(json.dumps({"prompt": text, "answer": said}) + "\n" for text, said in answers.items()))
    argv = (*PROGRAM, "sim", f"--port={port}", f"--answers={known}", *options)
    with process(argv, folder=room, environment=environment(room)) as child:
        wait_ready(child, port, "/sim/health", _READY_S, room)
        yield Sim(f"http://127.0.0.1:{port}")
