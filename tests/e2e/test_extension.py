"""A third party's provider, installed beside ours, is found and used with no change to ours."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

PROVIDER = '''
"""A provider that answers every chat with its configured word."""
from collections.abc import AsyncGenerator

import msgspec
from homeport.core.types import Completion, Frame, Surface, UpstreamCall, Usage

SURFACES = frozenset({Surface.CHAT})


class Parrot:
    def __init__(self, word):
        self.word = word

    async def complete(self, call: UpstreamCall) -> Completion:
        message = {"role": "assistant", "content": self.word}
        body = {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Completion(body=msgspec.json.encode(body), usage=Usage(input_tokens=1, output_tokens=1))

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        yield Frame(data=b'data: {"choices": [{"index": 0, "delta": {"content": "polly"}}]}\\n\\n', events=1)
        yield Frame(data=b"data: [DONE]\\n\\n", closing=True)

    async def close(self) -> None:
        pass


def connect(setup):
    return Parrot(setup.options["word"])
'''
CONFIG = """
providers:
  bird:
    provider: parrot
    options: {word: polly}
tiers:
  - name: frontier
    targets:
      - {model: parrot-1, provider: bird}
"""


def install(site: Path) -> None:
    """As pip would: the module, and its metadata with the entry point."""
    (site / "parrot_for_homeport.py").write_text(PROVIDER)
    metadata = site / "parrot_for_homeport-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot-for-homeport\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[homeport.providers]\nparrot = parrot_for_homeport\n")


def test_a_third_party_provider_answers(new_program: Callable[[], Program], tmp_path: Path) -> None:
    install(tmp_path)
    program = new_program()
    program.environment["PYTHONPATH"] = str(tmp_path)
    (program.home / "homeport.yaml").write_text(CONFIG)
    assert "providers.bird: is set up well" in program.run("check")
    program.start()
    status, headers, body = program.chat("Who are you?")
    assert (status, headers["x-homeport-model"]) == (200, "parrot-1")
    assert b"polly" in body
    assert b"polly" in program.chat("Who are you?", stream=True)[2]
    assert program.stop() == 0
    del program.environment["PYTHONPATH"]
    gone = program.execute("check")
    assert gone.returncode == 1
    assert "no providers adapter is called 'parrot'" in gone.stdout
