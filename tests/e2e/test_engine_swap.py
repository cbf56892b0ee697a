"""A swap on an engine that loads a folder made of the package: the new version makes its own beside the old one's."""

from pathlib import Path

import pytest

from bench.swapping import Talk
from homeport.engines.interpreter import find_interpreter
from tests.e2e.test_hot_swap import ask, make, replicas, tell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_swap_and_a_rollback_on_transformers(package_store: Path, tmp_path: Path) -> None:
    if not find_interpreter("test", None, [("transformers",)]).build:
        pytest.skip("transformers is not set up: run `make engines`")
    program = make(package_store, tmp_path / "home", idle=60)
    config = program.home / "homeport.yaml"
    changed = config.read_text().replace("llamacpp", "transformers").replace(", embeddings: false", "")
    config.write_text(changed.replace("start_seconds: 60", "start_seconds: 200"))
    program.start()
    try:
        lasting = ask(program, Talk("hello"))
        tell(program, "swap", "2.0.0")
        assert ask(program, Talk("hello")).versions == ["2.0.0"]
        assert ask(program, lasting).versions == ["1.0.0"] * 2, "what began before goes on there"
        tell(program, "rollback")
        assert replicas(program) == {"own": ("1.0.0", "serving"), "own-2": ("2.0.0", "draining")}
        assert ask(program, Talk("hello")).versions == ["1.0.0"]
        assert len(list((program.home / "derived").iterdir())) == 2
    finally:
        assert program.stop() == 0, program.output()
