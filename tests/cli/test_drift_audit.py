"""`homeport drift baseline`, `probe` and `check`, with a server on loopback that stands in for the provider."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from homeport.bootstrap import open_storage
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.incidents import Finding, IncidentKind
from homeport.drift.baselines import archive_of
from homeport.drift.candidates import candidates
from homeport.drift.live import latest_batch
from homeport.storage.baselines import Baseline, CaseAnswer, JudgedOutput, add_cases, begin_baseline, keep_answer
from homeport.storage.db import writing
from homeport.storage.incidents import report, resolve
from homeport.storage.ingest import insert_events
from homeport.storage.model_days import LEAST
from homeport.storage.rollups import DAY
from tests.cli.terminal import Terminal
from tests.fakes.undecided import UndecidedModel
from tests.storage.events import finished

CONFIG = """\
providers:
  far: {{provider: openai_compatible, base_url: "http://127.0.0.1:{port}/v1"}}
tiers:
  - {{name: remote, targets: [{{model: big-7, name: big, provider: far}}]}}
"""


SETTINGS = Settings.model_validate(
    {
        "providers": {"p": {"provider": "simulated"}},
        "tiers": [{"name": "t", "targets": [{"model": "m", "provider": "p"}]}],
    }
)


class Provider:
    """Answers as an imagined model, or as one that always says the contrary."""

    def __init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, wbufsize = "HTTP/1.1", -1  # an answer is one packet, and waits for none

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                answer = json.dumps(provider.answer(body)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None: ...

        self.model, self.contrary = UndecidedModel("a"), False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, body: dict[str, object]) -> dict[str, object]:
        assert body["model"] == "big-7"
        assert "logprobs" not in body, "edits are wanted: no log-probabilities"
        messages = body["messages"]
        assert isinstance(messages, list)
        text = "yes" if (self.model.margin(messages[0]["content"]) > 0) is not self.contrary else "no"
        usage = {"prompt_tokens": 9, "completion_tokens": 1}
        return {"model": "big-7", "choices": [{"message": {"content": text}}], "usage": usage}


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def terminal(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal(tmp_path / "home")
    (made.home / "homeport.yaml").write_text(CONFIG.format(port=provider.server.server_address[1]))
    (tmp_path / "prompts.txt").write_text("\n".join(candidates(300, 11)))
    monkeypatch.chdir(tmp_path)
    return made


FEW = ("--prompts", "prompts.txt", "--candidates", "300", "--probes", "8")
BASELINE = ("drift", "baseline", "big", "--via", "far", "--method", "edits", "--repeats", "1", *FEW)


def test_found_asked_and_noticed(terminal: Terminal, provider: Provider) -> None:
    found = terminal.ask(*BASELINE, "--json").json
    assert (found["method"], found["steady"], len(found["probes"])) == ("edits", True, 8)
    assert found["tokens_a_batch"] == 80
    first = terminal.ask("drift", "probe", "big", "--batches", "16", "--json").json
    assert (first["asked"], first["answered"], first["tokens"], first["verdict"]) == (128, 128, 1280, "usual")
    calm = terminal.ask("drift", "check", "big", "--json")
    assert (calm.exit_code, calm.json["models"][0]["changed"]) == (0, False)
    provider.contrary = True
    terminal.run("drift", "probe", "big", "--batches", "3", "--json")
    told = terminal.ask("drift", "check", "--json")
    assert told.exit_code == 1
    assert not told.code, told
    [model] = told.json["models"]
    assert (model["model"], model["changed"], model["batches"], len(model["alarms"])) == ("big", True, 19, 1)
    archive = archive_of(terminal.home / "drift", "big")
    replayed = terminal.ask("drift", "replay", str(archive.answers), "--json").json
    assert replayed["alarms"] == model["alarms"], "a live audit says what a replay says"
    assert model["asked_again"] == []
    ask_again(terminal, worse=30)
    [again] = terminal.ask("drift", "check", "--json").json["models"][0]["asked_again"]
    assert (again["route"], again["inputs"], again["worse"], again["says"]) == ("remote/big", 100, 30, "worse")
    shown = terminal.ask("drift", "check")
    assert "big, remote/big: of 100 inputs asked again 30 are worse, 0 better: worse" in shown.output
    assert (shown.exit_code, "CHANGED" in shown.output) == (1, True)
    assert f"changed since {model['alarms'][0]['since']}" in shown.output
    settle(terminal, latest_batch(archive))
    assert terminal.ask("drift", "check").exit_code == 0, "its incident is resolved"


def ask_again(terminal: Terminal, worse: int) -> None:
    """A hundred inputs of the route were asked again today."""
    engine, today = open_storage(SETTINGS, Home(terminal.home)), time.time_ns() // DAY * DAY
    made = Baseline(tier="remote", target="big", since=today - 20 * DAY, until=today - 6 * DAY, epoch="e")
    begin_baseline(engine, made)
    chosen = [JudgedOutput(f"c-{number}", today - 10 * DAY, 1.0) for number in range(100)]
    add_cases(engine, made, chosen)
    for number, one in enumerate(chosen):
        now = 0.0 if number < worse else 1.0
        keep_answer(engine, made, CaseAnswer(request_id=one.request_id, check_at=today, now=now))
    engine.dispose()


def settle(terminal: Terminal, batch: str) -> None:
    """Somebody looked into it."""
    home = Home(terminal.home)
    engine = open_storage(SETTINGS, home)
    incident = report(engine, Finding(kind=IncidentKind.MODEL, subject="big", since=1, sentence="It changed."), 1)
    resolve(engine, incident.id, "ada", "announced", 4 * 10**18)
    engine.dispose()


def test_people_are_shown_the_probes_and_what_they_cost(terminal: Terminal) -> None:
    told = terminal.run(*BASELINE)
    assert "border-08" in told
    assert "8 probes by edits" in told
    assert "a batch a day costs about 80 tokens" in told
    asked = terminal.run("drift", "probe", "big")
    assert "8 of 8 questions were answered, with 80 tokens" in asked
    assert "the first 6 batches are only learned from" in asked


def test_nothing_is_audited_yet(terminal: Terminal) -> None:
    assert terminal.ask("drift", "check", "--json").json == {"models": [], "changed_together": []}
    for command in ("probe", "check"):
        told = terminal.ask("drift", command, "big")
        assert (told.code, "homeport drift baseline big" in told.advice) == ("baseline_missing", True)


def test_what_cannot_be_asked(terminal: Terminal) -> None:
    assert terminal.ask("drift", "baseline", "big").code == "gateway_not_running"
    assert terminal.ask("drift", "baseline", "big", "--via", "nowhere").code == "probe_upstream_unknown"
    assert terminal.ask("drift", "baseline", "big", "--prompts", "/none").code == "candidates_invalid"
    assert terminal.ask("drift", "baseline", "big", "--candidates", "3").code == "usage"


def test_what_the_ledger_counts_is_told_and_changes_nothing(terminal: Terminal) -> None:
    terminal.run(*BASELINE, "--json")
    engine = open_storage(SETTINGS, Home(terminal.home))
    today = time.time_ns() // DAY
    like = msgspec.structs.replace(finished("r"), target="big")
    rows = [
        msgspec.structs.replace(
            like,
            request_id=f"r-{back}-{number}",
            started_at=(today - back) * DAY + number,
            output_tokens=100 if back > 4 else 300,
        )
        for back in range(24, 0, -1)
        for number in range(LEAST)
    ]
    with writing(engine) as connection:
        insert_events(connection, rows)
    engine.dispose()
    found = terminal.ask("drift", "check", "big", "--json")
    [signal] = found.json["models"][0]["signals"]
    assert (signal["name"], signal["before"], signal["now"]) == ("output tokens", "100", "300")
    assert (found.exit_code, found.json["models"][0]["changed"]) == (0, False)
    assert f"big: output tokens was 100, is 300 since {signal['since']}" in terminal.run("drift", "check")
