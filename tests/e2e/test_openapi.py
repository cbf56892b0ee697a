"""schemathesis asks the running gateway everything that /openapi.json allows, and what it forbids.

No answer may be a 5xx, and none may differ from what the document promises: status, headers, body.
"""

import contextlib
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

SIMULATED = """
providers:
  sim:
    provider: simulated
    options: {latency_ms: 0, tokens_per_second: 0}
tiers:
  - name: mid
    targets:
      - {provider: sim, model: sim-1}
"""
# A document cannot say everything that makes a request right: which models there are, or what belongs together.
_CHECKS_LEFT_OUT = "positive_data_acceptance"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("openapi") / "home"
    home.mkdir(mode=0o700)
    (home / "homeport.yaml").write_text(SIMULATED)
    program = Program(home)
    program.start()
    yield program
    assert program.stop() == 0, program.output()


def described(program: Program) -> dict[str, Any]:
    status, body = program.get("/openapi.json")
    assert status == 200
    return dict(json.loads(body))


def fuzz(program: Program, document: dict[str, Any], folder: Path, key: str = "") -> None:
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", f"http://127.0.0.1:{program.port}"]
    command += ["--header", f"Authorization: Bearer {key or program.key}", "--exclude-checks", _CHECKS_LEFT_OUT]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1", "--no-color"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    operations = sum(len(path) for path in document["paths"].values())
    assert f"Tested: {operations}\n" in done.stdout, done.stdout[-2000:]


def test_no_answer_differs_from_the_document(simulated: Program, tmp_path: Path) -> None:
    fuzz(simulated, described(simulated), tmp_path)


def test_nor_where_the_model_is_one_that_answers(simulated: Program, tmp_path: Path) -> None:
    document = described(simulated)
    for schema in document["components"]["schemas"].values():
        if "model" in schema.get("properties", {}):
            schema["properties"]["model"] = {"enum": ["auto"]}
            schema["required"] = sorted({*schema.get("required", []), "model"})
    for path in ("/v1/moderations", "/v1/usage", "/v1/route", "/v1/cache/explain"):
        del document["paths"][path]  # null, or the model that answers, is a model there: an enumeration would be wrong
    fuzz(simulated, document, tmp_path)


def test_nor_for_an_administrator(simulated: Program, tmp_path: Path) -> None:
    document = described(simulated)
    document["paths"] = {path: told for path, told in document["paths"].items() if path.startswith("/admin/")}
    assert document["paths"]
    fuzz(simulated, document, tmp_path, (simulated.home / "admin.key").read_text().strip())


def test_every_path_of_the_document_is_there(simulated: Program) -> None:
    for path, told in described(simulated)["paths"].items():
        connection = http.client.HTTPConnection("127.0.0.1", simulated.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("TRACE", re.sub(r"\{\w+\}", "x", path))
            response = connection.getresponse()
        methods = {method.upper() for method in told}
        assert response.status == 405
        assert methods == set((response.getheader("allow") or "").split(", ")) - {"HEAD"}, path
