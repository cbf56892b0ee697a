"""`homeport inspect` as a person types it; a program stands in for the interpreter that has torch."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homeport.bootstrap.revision import revision
from homeport.core.captured import Captured
from homeport.core.types import DataClass, Surface
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.layout import Store
from homeport.storage.bodies import BodyStore
from tests.cli.terminal import Terminal
from tests.fakes.gguf import gguf
from tests.fakes.inside import ANSWER, changed, findings, inside

CONFIG = """\
packages:
  tiny: {{source: {weights}}}
engines:
  pool: {{engine: llamacpp, package: tiny, hourly_cost_usd: "0.10"}}
tiers:
  - name: local
    targets:
      - {{model: tiny, engine: pool}}
"""
ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Which clause?"}]}


class Desk(Terminal):
    """A terminal whose state folder has a package, and an interpreter that finds what it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "home")
        weights = folder / "tiny.gguf"
        weights.write_bytes(gguf())
        (self.home / "homeport.yaml").write_text(CONFIG.format(weights=weights))
        self.folder = folder
        self.python = folder / "python"
        self.kept = BodyStore(self.home / "captured", keep_days=7, most_bytes=1 << 30)

    def finds(self) -> None:
        found = inside(changed(findings()))
        (self.folder / "kept.json").write_bytes(msgspec.json.encode(found.findings))
        np.savez_compressed(self.folder / "kept.npz", attention=found.attention)
        self.python.write_text(
            f"#!{sys.executable}\nimport json, shutil, sys\njob = json.loads(sys.stdin.buffer.readline())\n"
            f"here = {str(self.folder)!r}\nopen(here + '/job.json', 'w').write(json.dumps(job))\n"
            "shutil.copy(here + '/kept.json', job['folder'] + '/findings.json')\n"
            "shutil.copy(here + '/kept.npz', job['folder'] + '/attention.npz')\n"
        )
        self.python.chmod(0o700)
        self.run("package", "pull", "tiny", "--json")

    @property
    def job(self) -> Any:
        return json.loads((self.folder / "job.json").read_text())

    def keep(self, request_id: str = "req_1", **changes: Any) -> None:
        answer = {"choices": [{"message": {"content": "".join(ANSWER)}, "finish_reason": "stop"}]}
        one = Captured(
            request_id=request_id,
            at=time.time_ns(),
            key_id="key",
            project="default",
            trace_id="",
            data_class=DataClass.PRIVATE,
            surface=Surface.CHAT,
            body=json.dumps(ASKED).encode(),
            target="tiny",
            upstream="pool",
            model="pool",
            local=True,
            revision="other",
            answered=Surface.CHAT,
            stream=False,
            status=200,
            answer=json.dumps(answer).encode(),
        )
        self.kept.put(msgspec.structs.replace(one, **changes))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("arguments", [(), ("req_1", "--prompt", "a"), ("--prompt", "a", "--file", "b")])
def test_one_thing_is_looked_into(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert desk.ask("inspect", *arguments).code == "inspect_subject_missing"


def test_what_was_not_kept_is_told_with_how_to_keep_it(desk: Desk) -> None:
    said = desk.ask("inspect", "req_9")
    assert said.code == "inspect_unknown"
    assert "capture.enabled: true" in said.advice
    with (desk.home / "homeport.yaml").open("a") as file:
        file.write("capture: {enabled: true}\n")
    assert "capture.private" in desk.ask("inspect", "req_9").advice


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--prompt", "a", "--package", "other"), "package_not_pulled"),
        (("--file", "/nowhere"), "inspect_file_unreadable"),
        (("--file", "/"), "inspect_file_unreadable"),
        (("../../etc/passwd",), "inspect_unknown"),
        (("\x1b[31m",), "name_unreadable"),
        (("--prompt", "a", "--max-tokens", "3"), "usage"),
        (("--prompt", "a", "--max-answer", "9999"), "usage"),
    ],
)
def test_what_cannot_be_is_refused(desk: Desk, arguments: tuple[str, ...], code: str) -> None:
    assert desk.ask("inspect", *arguments).code == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--ablate", "5"), "inspect_head_unknown"),
        (("--scale", "5.3=much"), "inspect_head_unknown"),
        (("--sweep", "some"), "inspect_head_unknown"),
        (("--head", "first"), "inspect_head_unknown"),
        (("--dtype", "int4"), "inspect_dtype_unknown"),
    ],
)
def test_what_no_model_has_is_refused_before_it_is_run(desk: Desk, arguments: tuple[str, ...], code: str) -> None:
    desk.run("package", "pull", "tiny", "--json")
    assert desk.ask("inspect", "--prompt", "a", "--python", "/nowhere", *arguments).code == code


def test_plots_that_cannot_be_drawn_are_told_before_it_is_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("package", "pull", "tiny", "--json")
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    ask = ("inspect", "--prompt", "a", "--python", "/nowhere")
    assert desk.ask(*ask).code == "inspect_plots_missing"
    assert desk.ask(*ask, "--json").code == "inspect_library_missing"


def test_what_a_provider_answered_has_no_weights_here(desk: Desk) -> None:
    desk.keep(upstream="openai")
    assert desk.ask("inspect", "req_1").code == "inspect_package_unclear"


@pytest.mark.slow
def test_a_kept_request_is_run_again_and_reported(desk: Desk) -> None:
    desk.finds()
    desk.keep()
    told = desk.run("inspect", "req_1", "--ablate", "1.1", "--python", str(desk.python))
    assert desk.job["messages"] == ASKED["messages"]
    assert (desk.job["answer"], desk.job["ended"]) == ("".join(ANSWER), True)
    assert "1.1 times 0: -2.250 nats (-0.750)" in told
    report = desk.home / "inspections" / "req_1.html"
    assert report.stat().st_mode & 0o777 == 0o600
    page = report.read_text()
    assert "Data class: <strong>private</strong>" in page
    assert "from other bytes or options than now" in page


def test_what_is_not_what_was_pulled_or_is_not_trusted_is_not_run(desk: Desk) -> None:
    desk.run("package", "pull", "tiny", "--json")
    stored = Store(desk.home / "packages").get("tiny")
    assert stored is not None
    key = desk.told("package", "keygen", str(desk.folder / "key"))["public_key"]
    with (desk.home / "homeport.yaml").open("a") as file:
        file.write(f"trust: {{keys: {{a: {{public_key: {key}}}}}, unsigned: refuse}}\n")
    arguments = ("inspect", "--prompt", "a", "--python", "/nowhere")
    assert desk.ask(*arguments).code == "package_unsigned"
    stored.weights.write_bytes(stored.weights.read_bytes()[:-1] + b"?")
    assert desk.ask(*arguments).code == "package_digest_mismatch"


@pytest.mark.slow
def test_the_version_that_answered_is_run(desk: Desk) -> None:
    desk.finds()
    store = Store(desk.home / "packages")
    then = store.get("tiny")
    assert then is not None
    desk.keep(revision=revision("llamacpp", then.digest, {}))
    newer = desk.folder / "newer.gguf"
    newer.write_bytes(gguf(data=bytes(range(250)) * 8))
    file = SourceFile(path=newer, filepath="tiny.gguf", role=FileRole.WEIGHTS, modified=0, version="2")
    store.use("tiny", store.add(PackageSpec(name="tiny", source=str(newer)), [file]).digest)
    for request, version, served in (("req_1", then.version, "from these bytes"), ("req_2", "2", "from other bytes")):
        told = desk.told("inspect", request, "--python", str(desk.python))
        facts = dict(told["subject"]["facts"])
        assert facts["Package"] == f"tiny {version}"
        assert facts["Served then"].startswith(served)
        desk.keep("req_2")


@pytest.mark.slow
def test_adapters_of_the_package_are_in_what_is_run(desk: Desk) -> None:
    desk.finds()
    adapter = desk.folder / "tuned.gguf"
    adapter.write_bytes(gguf())
    parts = ((desk.folder / "tiny.gguf", FileRole.WEIGHTS), (adapter, FileRole.ADAPTER))
    files = [SourceFile(path=path, filepath=path.name, role=role, modified=0) for path, role in parts]
    Store(desk.home / "packages").add(PackageSpec(name="tuned", source=str(adapter)), files)
    arguments = ("inspect", "--prompt", "a", "--package", "tuned", "--python", str(desk.python))
    facts = dict(desk.told(*arguments)["subject"]["facts"])
    assert facts["Adapters"] == "tuned.gguf, added to the weights as it was trained"
    assert [file["role"] for file in desk.job["model"]["files"]] == ["weights", "adapter"]
    assert desk.job["model"]["place"].startswith(str(desk.home / "derived"))


@pytest.mark.slow
def test_calls_of_tools_are_no_answer_to_look_at(desk: Desk) -> None:
    desk.finds()
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    choice = {"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    desk.keep(answer=json.dumps({"choices": [choice]}).encode())
    assert desk.told("inspect", "req_1", "--python", str(desk.python))["subject"]["recorded"] is None
    assert desk.job["answer"] is None


@pytest.mark.slow
def test_a_prompt_as_json_has_the_figures_and_no_page(desk: Desk) -> None:
    desk.finds()
    told = desk.told("inspect", "--prompt", "Which clause?", "--python", str(desk.python))
    assert (told["answer_logprob"], told["changed_answer_logprob"]) == (-1.5, -2.25)
    assert told["report"] is None
    assert len(told["attention"]["links"]) == len(ANSWER)
    assert not (desk.home / "inspections").exists()


@pytest.mark.slow
def test_a_file_is_read_in_its_words_and_the_page_goes_where_it_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.finds()
    request, page = tmp_path / "request.json", tmp_path / "page.html"
    request.write_text(json.dumps({"model": "m", "max_tokens": 5, "messages": ASKED["messages"]}))
    page.write_text("an older one")
    page.chmod(0o644)
    arguments = ("--file", str(request), "--surface", "messages", "--private", "-o", str(page))
    desk.run("inspect", *arguments, "--python", str(desk.python))
    assert desk.job["messages"] == ASKED["messages"]
    assert page.stat().st_mode & 0o777 == 0o600
    assert "may not leave" in page.read_text()


@pytest.mark.slow
def test_a_head_that_is_not_there_is_refused_and_no_page_is_written(desk: Desk) -> None:
    desk.finds()
    said = desk.ask("inspect", "--prompt", "a", "--head", "3.0", "--python", str(desk.python))
    assert said.code == "inspect_head_unknown"
    assert not (desk.home / "inspections").exists()
