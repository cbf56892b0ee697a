"""Running the child that looks inside a model: in its own interpreter, with a folder of its own, within a time."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec

from homeport.core.errors import EngineError
from homeport.engines.derived import DerivedFolder
from homeport.engines.interpreter import Interpreter
from homeport.inspection.findings import Inside, read_inside
from homeport.inspection.heads import Scaled
from homeport.inspection.question import Question

WINDOW = 96
LENS_POSITIONS = 24
MOST_TOKENS = 2_048
MOST_ANSWER = 256
_TOP = 5
_LONGEST_LINE = 64 << 10
_HINTS = {
    "inspect_library_missing": "`make engines` makes one; or name one with torch, transformers and gguf: --python PATH",
    "inspect_model_unsupported": "name a package whose model is built as Llama, Mistral, Qwen or Gemma are",
    "inspect_weights_unreadable": "homeport package verify NAME; not every GGUF can be read by transformers",
    "inspect_head_unknown": "name a head as LAYER.HEAD, both from 0",
    "inspect_prompt_empty": "ask something",
    "inspect_template_failed": "look at the messages and at the chat template of the package",
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be looked at.

    Attributes:
        model: the folder that the engine transformers loads too; it is made now where it is not there.
        change: heads that are scaled, all of them together.
        sweep: remove each head of this layer by itself, or of every layer.
        max_tokens: of the prompt; of a longer one the last are run.
        max_answer: tokens of the answer.
        dtype: what is computed with.
    """

    question: Question
    model: DerivedFolder
    change: tuple[Scaled, ...] = ()
    sweep: int | Literal["all"] | None = None
    max_tokens: int = 1_024
    max_answer: int = 64
    dtype: Literal["float32", "bfloat16"] = "float32"


class Told(msgspec.Struct, frozen=True):
    """One line of the child."""

    step: str = ""
    done: int = 0
    total: int = 0
    error: str = ""
    message: str = ""


_TOLD = msgspec.json.Decoder(Told)


def job_of(plan: Plan, folder: Path) -> dict[str, Any]:
    """The job as the child reads it; what it finds goes to the folder."""
    question = plan.question
    return {
        "folder": str(folder),
        "model": plan.model,
        "messages": question.messages,
        "prompt": question.prompt,
        "tools": question.tools,
        "answer": question.answer,
        "ended": question.ended,
        "max_tokens": plan.max_tokens,
        "max_answer": plan.max_answer,
        "window": WINDOW,
        "lens_positions": LENS_POSITIONS,
        "top": _TOP,
        "dtype": plan.dtype,
        "threads": max(1, (os.cpu_count() or 1) - 1),  # as llama.cpp has it: threads that compete for a core all wait
        "change": [(one.head.layer, one.head.head, one.factor) for one in plan.change],
        "sweep": plan.sweep,
    }


def look_inside(plan: Plan, python: str, *, timeout: float, tell: Callable[[Told], None]) -> Inside:
    """Run the model and see what happens inside; nothing is left behind but the folder that the model is loaded from.

    Args:
        python: the interpreter that has torch and transformers.
        timeout: in seconds, for all of it.
        tell: told each step.

    Raises:
        EngineError: inspect_library_missing, inspect_model_unsupported, inspect_weights_unreadable,
            inspect_head_unknown, inspect_prompt_empty, inspect_template_failed, inspect_timeout, inspect_failed.
    """
    with TemporaryDirectory(prefix="homeport-inspect-") as name:  # made with mode 0700
        folder = Path(name)
        with _child(python, folder, timeout) as (child, is_late):
            last = _attend(child, msgspec.json.encode(job_of(plan, folder)), tell)
        if is_late.is_set():
            hint = "ask for less: a shorter prompt, --max-tokens, one layer to sweep"
            raise EngineError(f"looking inside took more than {timeout:g} s", code="inspect_timeout", hint=hint)
        if last.error:
            code = last.error if last.error in _HINTS else "inspect_failed"
            raise EngineError(last.message, code=code, hint=_HINTS.get(code, "run it again with --debug"))
        if child.returncode:
            raise _failed(folder / "stderr")
        return read_inside(folder)


@contextmanager
def _child(python: str, folder: Path, timeout: float) -> Iterator[tuple["subprocess.Popen[bytes]", threading.Event]]:
    """The child, gone at the end of the block, at the latest when its time is over."""
    argv = Interpreter(path=Path(python), build="").command("child", among="homeport.inspection")
    is_late = threading.Event()
    with (folder / "stderr").open("wb") as errors:
        try:
            child = subprocess.Popen(  # noqa: S603  the interpreter that the configuration names, and a file of ours
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=_variables(folder),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # a path may hold what no path has
            why = getattr(error, "strerror", None) or "it is no path"
            raise EngineError(
                f"{ascii(python)[:200]} cannot be started: {why}",
                code="inspect_library_missing",
                hint=_HINTS["inspect_library_missing"],
            ) from error
        timer = threading.Timer(timeout, _end, (child, is_late))
        timer.start()
        try:
            yield child, is_late
        finally:
            timer.cancel()
            _end(child, threading.Event())
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


def _variables(folder: Path) -> Mapping[str, str]:
    """All that the child knows of our environment: nothing. It asks no hub, and writes nowhere else."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONIOENCODING": "utf-8",
        "LC_ALL": "C.UTF-8",
    }


def _attend(child: "subprocess.Popen[bytes]", job: bytes, tell: Callable[[Told], None]) -> Told:
    """Hand the job over and hear the child until it ends; the last line that it said."""
    assert child.stdin is not None
    assert child.stdout is not None
    last = Told()
    with suppress(BrokenPipeError):
        child.stdin.write(job + b"\n")
        child.stdin.flush()  # it stays open: its end would mean that we are gone
    while line := child.stdout.readline(_LONGEST_LINE):
        try:
            last = _TOLD.decode(line)
        except msgspec.MsgspecError:
            continue  # a library that prints
        tell(last)
    child.wait()
    return last


def _end(child: "subprocess.Popen[bytes]", is_late: threading.Event) -> None:
    """Kill what still runs, and all that it started."""
    if child.poll() is None:
        is_late.set()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def _failed(log: Path) -> EngineError:
    """The last line that it said before it fell, where it can be shown."""
    said = log.read_bytes()[-4_000:].decode(errors="replace").strip().splitlines()
    why = said[-1][:300] if said else "it said nothing"
    return EngineError(f"the model could not be looked into: {why}", code="inspect_failed", hint=_memory_hint())


def _memory_hint() -> str:
    return (
        f"is there memory for the weights as float32? Try --dtype bfloat16, or another --python than {sys.executable}"
    )
