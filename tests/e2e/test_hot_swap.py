"""Another version of a package takes the place of the one that answers, while people talk to it."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bench.swapping import CONFIG, Talk, Talkers, make_versions
from homeport.cli.control_client import order
from homeport.config.home import Home
from homeport.core.errors import HomeportError
from homeport.packages.layout import Store
from tests.e2e.program import Program
from tests.e2e.test_reload import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def program(package_store: Path, tmp_path: Path) -> Iterator[Program]:
    program = make(package_store, tmp_path / "home", idle=20)
    program.start()
    yield program
    if program.process is not None and program.process.poll() is None:
        assert program.stop() == 0, program.output()


def make(package_store: Path, home: Path, *, idle: float, count: int = 1) -> Program:
    home.mkdir(mode=0o700)
    model = Store(package_store).get("smollm2")
    assert model is not None
    weights = home.parent / "model.gguf"
    weights.hardlink_to(model.weights.resolve())
    make_versions(home, weights)
    (home / "homeport.yaml").write_text(CONFIG.format(replicas=count, idle=idle, weights=weights))
    return Program(home)


def tell(program: Program, command: str, version: str = "") -> Any:
    """Give the running program an order, as `homeport engine` does."""
    return order(Home(program.home), command, "own", version, tell=lambda _: None)


def replicas(program: Program) -> dict[str, tuple[str, str]]:
    """The version and the state of each replica."""
    return {one["replica"]: (one["version"], one["state"]) for one in tell(program, "list")}


def ask(program: Program, talk: Talk) -> Talk:
    """One turn; the answer is noted."""
    status, headers, body = program.post("/chat/completions", talk.body(stream=False))
    assert status == 200, body
    talk.heard(json.loads(body)["choices"][0]["message"]["content"], headers["x-homeport-reason"])
    return talk


def test_nothing_fails_and_no_conversation_is_mixed(program: Program) -> None:
    lasting = ask(program, Talk("hello"))
    with Talkers(program.url, program.key).running() as talkers:
        wait_until(lambda: len(talkers.talks) >= 8)
        assert tell(program, "swap", "2.0.0")["before"].startswith("sha256:")
        assert ask(program, lasting).versions == ["1.0.0"] * 2, "what began before goes on there"
        assert ask(program, Talk("hello")).versions == ["2.0.0"], "what begins after the swap begins there"
        swapped = len(talkers.talks)
        wait_until(lambda: len(talkers.talks) >= swapped + 12)
        began = ask(program, Talk("hello"))
        program.run("engine", "rollback", "own")
        assert ask(program, began).versions == ["2.0.0"] * 2
        assert ask(program, Talk("hello")).versions == ["1.0.0"]
        rolled_back = len(talkers.talks)
        wait_until(lambda: len(talkers.talks) >= rolled_back + 12)
    assert talkers.failures == []
    assert talkers.mixed() == []
    assert {version for talk in talkers.talks for version in talk.versions} == {"1.0.0", "2.0.0"}
    wait_until(lambda: [*replicas(program).values()] == [("1.0.0", "serving")], 120)
    wait_until(lambda: len(program.children("llamacpp")) == 1)
    anew = ask(program, began)
    assert (anew.versions[-1], anew.reasons[-1]) == ("1.0.0", "new_version:own"), "it outlived its version"
    assert ask(program, anew).reasons[-1] == "pinned:own"


def test_what_does_not_come_up_changes_nothing(program: Program) -> None:
    store = Store(program.home / "packages")
    blue = store.get("words:2.0.0")
    assert blue is not None
    template = next(file for file in blue.files if file.filepath == "template.jinja").path
    whole = template.read_bytes()
    template.write_bytes(whole.replace(b"blue", b"BLUE", 1))
    with pytest.raises(HomeportError) as broken:
        tell(program, "swap", "2.0.0")
    assert broken.value.code == "package_digest_mismatch"
    template.write_bytes(whole)
    for version, code in (("9", "package_version_unknown"), ("1.0.0", "engine_version_serves")):
        with pytest.raises(HomeportError) as wrong:
            tell(program, "swap", version)
        assert wrong.value.code == code
    assert replicas(program) == {"own": ("1.0.0", "serving")}
    assert store.history("words")[-1] != blue.digest
    assert ask(program, Talk("hello")).versions == ["1.0.0"]


def test_killed_children_and_a_swap_meanwhile(program: Program) -> None:
    came: list[str] = []
    swap = Thread(target=lambda: came.append(tell(program, "swap", "2.0.0")["version"]))
    swap.start()
    wait_until(lambda: "engine-own-2" in pids(program))
    with pytest.raises(HomeportError) as second:
        tell(program, "swap", "2.0.0")
    assert second.value.code == "swap_in_progress"
    os.kill(pids(program)["engine-own-2"], signal.SIGKILL)
    assert ask(program, Talk("hello")).versions == ["1.0.0"]
    swap.join()
    assert came == ["2.0.0"], "a child that is killed while it starts is started again"
    # As after a crash of the whole: the version that was swapped to is the one that runs.
    program.kill()
    wait_until(lambda: program.get("/livez")[0] == 0)
    program.start()
    assert replicas(program) == {"own": ("2.0.0", "serving")}
    assert ask(program, Talk("hello")).versions == ["2.0.0"]
    give_up = Thread(target=lambda: given_up(program, came))
    give_up.start()
    wait_until(lambda: "engine-own-2" in pids(program))
    assert program.stop() == 0, program.output()
    give_up.join()
    assert came[1:] == ["order_cut_short"], "what asked for a swap learns that it was cut short"
    program.start()
    assert replicas(program) == {"own": ("2.0.0", "serving")}, "a swap that did not come to its end changes nothing"


def pids(program: Program) -> dict[str, int]:
    try:
        return dict(json.loads((program.home / "run" / "processes.json").read_bytes()))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def given_up(program: Program, came: list[str]) -> None:
    try:
        tell(program, "swap", "1.0.0")
    except HomeportError as error:
        came.append(error.code)


def test_replicas_share_the_work_and_are_restarted_together(
    package_store: Path, tmp_path: Path, new_program: Callable[[], Program]
) -> None:
    program = make(package_store, tmp_path / "home", idle=2, count=2)
    program.start()
    try:
        with Talkers(program.url, program.key).running() as talkers:
            wait_until(lambda: len(talkers.talks) >= 4)
            tell(program, "restart")
            wait_until(lambda: set(replicas(program)) == {"own-3", "own-4"})
        assert talkers.failures == []
        tell(program, "drain")
        assert program.post("/chat/completions", Talk("new").body(stream=False))[0] == 503
        tell(program, "restart")
        assert ask(program, Talk("new")).versions == ["1.0.0"]
        status = json.loads(program.run("cost", "--json"))
        assert status["requests"] > 0
    finally:
        assert program.stop() == 0, program.output()
