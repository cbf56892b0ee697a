"""The child of the vLLM adapter, in two steps in one process: the folder that vLLM loads, then vLLM in its place.

What making the folder took of memory is given back between the two, and vLLM's own way of starting processes of its
own sees a program that was started as `python -m vllm.entrypoints.openai.api_server`.
"""

import os
import runpy
import sys

from homeport.engines.children.folder import ready_folder
from homeport.engines.children.start import end_with_input, read_launch

_SERVER = "vllm.entrypoints.openai.api_server"
_NEXT_STEP = "serve"


def main() -> None:
    """Run one of the two steps: the first reads standard input's first line, the second has arguments for vLLM."""
    if sys.argv[3:4] == [_NEXT_STEP]:
        _serve(sys.argv[4:])
    launch = read_launch()
    end_with_input()  # until the next step, which has a watch of its own
    folder = ready_folder(launch["folder"])
    for name, value in launch["environment"].items():
        os.putenv(name, value)
    # By the environment, which other users cannot read, as they can a command line.
    os.putenv("VLLM_API_KEY", launch["token"])
    argv = [*sys.orig_argv, _NEXT_STEP, "--model", str(folder), *launch["arguments"]]
    sys.stdout.flush()
    os.execv(sys.executable, argv)  # noqa: S606 - this very program


def _serve(arguments: list[str]) -> None:
    end_with_input()
    sys.argv = [_SERVER, *arguments]
    runpy.run_module(_SERVER, run_name="__main__", alter_sys=True)
    sys.exit(0)
