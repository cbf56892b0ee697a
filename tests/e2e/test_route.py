"""The whole program: what its dry run says is what it does, whichever of its processes is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.agreement import agree
from tests.e2e.program import Program

pytestmark = pytest.mark.slow

CONFIG = """
server: {workers: 2}
providers:
  demo: {provider: simulated}
tiers:
  - {name: local, targets: [{model: small, provider: demo}]}
  - {name: mid, targets: [{model: middle, provider: demo}]}
  - {name: frontier, targets: [{model: large, provider: demo}]}
routing:
  policy: complexity
  options: {explore: 0.05}
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path / "home")
    program.home.mkdir(mode=0o700)
    (program.home / "homeport.yaml").write_text(CONFIG)
    program.start()
    yield program
    program.stop()


def test_a_dry_run_says_what_happens(program: Program) -> None:
    found = agree(lambda path, body: program.post(path, body), 150)
    assert (found.agreed, found.asked) == (150, 150), found.differences
    assert len({reason.partition(":")[2] for reason in found.reasons}) == 3, "every tier answered"
    assert found.stayed >= 0.7 * found.later_turns
    told = program.run("route", "Which clause ends the contract?", "--model", "mid")
    assert "mid · middle answers" in told
    assert "No gateway is asked" not in told
