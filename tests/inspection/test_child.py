"""The child with a real model, where there is an interpreter that has torch, transformers and gguf."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from homeport.engines.derived import DerivedFile, DerivedFolder
from homeport.inspection.heads import Head, Scaled
from homeport.inspection.question import Question
from homeport.inspection.run import Plan, look_inside
from homeport.packages.base import SilentProgress
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from tests.packages.conftest import SMOLLM2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ENGINES = Path(__file__).parents[2] / ".venv-engines" / "bin" / "python"
NEEDED = "import accelerate, gguf, torch, transformers"
FRANCE = ({"role": "user", "content": "What is the capital of France?"},)


@pytest.fixture(scope="module")
def python() -> str:
    named = os.environ.get("HOMEPORT_ENGINES_PYTHON") or str(ENGINES if ENGINES.exists() else sys.executable)
    if subprocess.run((named, "-c", NEEDED), capture_output=True, check=False).returncode:
        pytest.skip("no interpreter has torch, transformers and gguf: make engines")
    return named


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pull(Store(tmp_path_factory.mktemp("store")), SMOLLM2, SilentProgress()).weights


def test_what_happens_inside_fits_together(python: str, weights: Path, tmp_path: Path) -> None:
    question = Question(messages=FRANCE, answer="The capital of France is Paris.", ended=True)
    file = DerivedFile(role="weights", path=str(weights), filepath="smollm2.gguf")
    model = DerivedFolder(place=str(tmp_path / "derived"), files=(file,))
    plan = Plan(question=question, model=model, change=(Scaled(Head(5, 3), 0.0),), max_answer=10)
    inside = look_inside(plan, python, timeout=580, tell=lambda _: None)
    found, attention = inside.findings, inside.attention.astype(np.float32)

    assert found.rendered.endswith("What is the capital of France?<|im_end|>\n<|im_start|>assistant\n")
    assert found.tokens[0].special
    assert "".join(token.text for token in found.answer) == "The capital of France is Paris.<|im_end|>"
    assert [said.id for said in found.greedy] == [token.id for token in found.answer]

    assert attention.shape == (30, 9, len(found.tokens), len(found.tokens) + 1)
    assert np.abs(attention.sum(-1) - 1).max() < 2e-3  # float16
    assert np.abs(np.triu(attention[:, :, :, 1:], 1)).max() == 0
    assert found.checks.attention_row_error < 1e-5
    assert found.checks.lens_last_layer_error < 1e-3
    assert found.checks.no_change_is_the_same
    assert found.checks.scale_one_is_the_same

    for token, seen in zip(found.answer, found.lens[-1], strict=True):
        assert token.logprob == pytest.approx(seen.logprob, abs=1e-3)
        assert token.rank == seen.rank == 0
    assert found.lens[0][5].logprob < found.lens[-1][5].logprob - 1  # no layer knows Paris at once

    assert found.change is not None
    assert found.change.logprobs != tuple(token.logprob for token in found.answer)
    assert found.change.greedy != found.greedy
