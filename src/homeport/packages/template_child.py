"""Renders chat templates of strangers in a sandbox. Run as a program, it is the process that may be killed for it.

It reads a `Task` as JSON on standard input and writes a `Refusal`, or null, on standard output. The environment is
the one that transformers gives templates: Jinja's immutable sandbox, with `raise_exception` and `strftime_now`.
"""

import datetime
import resource
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

_CPU_SECONDS = 5
_MEMORY_BYTES = 1024**3
_MAX_OUTPUT = 4 * 1024 * 1024
_TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}},
}
_USER = {"role": "user", "content": "Hello."}
_SAMPLES: tuple[Mapping[str, Any], ...] = (
    {"messages": [_USER]},
    {"messages": [{"role": "system", "content": "Be short."}, _USER, {"role": "assistant", "content": "Hi."}, _USER]},
    {"messages": [_USER, {"role": "tool", "content": "7", "name": "look_up"}], "tools": [_TOOL]},
)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to render."""

    templates: tuple[str, ...]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a template is refused: a code of ours, and what it did."""

    code: str
    why: str


class _Refused(TemplateError):
    """The template itself refuses these messages, with `raise_exception`."""


class _Generation(Extension):
    """`{% generation %}` of transformers marks the assistant's tokens; here it is only passed through."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Says at once what was reached for, where Jinja would only say that it is undefined."""

    def unsafe_undefined(self, obj: object, attribute: str) -> Any:
        raise SecurityError(f"it reaches for Python: {attribute!r} of a {type(obj).__name__}")


def environment() -> ImmutableSandboxedEnvironment:
    """A sandbox for one template."""
    # Constants are not computed before it runs: "a" * 10**10 would be.
    sandbox = _Sandbox(
        trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    sandbox.globals.update(raise_exception=_raise, strftime_now=_strftime_now)
    return sandbox


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    found = (_try(template) for template in task.templates)
    sys.stdout.buffer.write(msgspec.json.encode(next((each for each in found if each), None)))


def _try(text: str) -> Refusal | None:
    wrong = [_render(text, sample) for sample in _SAMPLES]
    unsafe = next((each for each in wrong if each and each.code == "package_template_unsafe"), None)
    # Tools or a system prompt are not for every model; one question is.
    return unsafe or wrong[0]


def _render(text: str, sample: Mapping[str, Any]) -> Refusal | None:
    given = {"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True, "tools": None, **sample}
    try:
        size = 0
        for piece in environment().from_string(text).generate(given):
            size += len(piece)
            if size > _MAX_OUTPUT:
                return Refusal(code="package_template_unsafe", why="it writes without end")
    except _Refused:
        return None
    except (SecurityError, MemoryError, RecursionError, OverflowError) as error:
        return Refusal(code="package_template_unsafe", why=str(error) or type(error).__name__)
    except Exception as error:  # noqa: BLE001 # a template is a program: it can raise whatever Python does
        return Refusal(code="package_template_invalid", why=f"it cannot be rendered: {error}")
    return None


def _raise(message: str) -> None:
    raise _Refused(message)


def _strftime_now(form: str) -> str:
    # The same text on every day: what is looked at is whether it renders.
    return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).strftime(form)


if __name__ == "__main__":
    main()
