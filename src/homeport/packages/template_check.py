"""Chat templates come with packages, so they are looked at as programs of strangers.

Two looks: at the text, for what reaches for Python or for other files; and, before a package is kept, at what it does:
it is rendered in a process of its own, within bounds of time and memory (`template_child`).
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
from jinja2 import TemplateError, nodes

from homeport.core.errors import PackageError
from homeport.packages.template_child import Refusal, Task, environment

MAX_TEMPLATE_BYTES = 256 * 1024

_MAX_SECONDS = 30
_DUNDER: Final = re.compile(r"(?:^|[.\[{])__\w+")
_PYTHON: Final = frozenset(
    {"eval", "exec", "open", "compile", "getattr", "setattr", "globals", "locals", "vars", "breakpoint", "input"}
)
_OTHER_FILES: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_UNSAFE = "package_template_unsafe"
_INVALID = "package_template_invalid"


def check_template(text: str) -> None:
    """Refuse a template by its text.

    Raises:
        PackageError: package_template_unsafe (it reaches for Python's insides or for other files),
            package_template_invalid (not Jinja) or package_too_large.
    """
    if len(text.encode()) > MAX_TEMPLATE_BYTES:
        raise PackageError(
            "a chat template is larger than 256 KiB", code="package_too_large", hint="a template is a page of text"
        )
    try:
        tree = environment().parse(text)
        for node in tree.find_all(nodes.Node):
            _check_node(node)
    except TemplateError as error:
        raise refusal(Refusal(code=_INVALID, why=f"it is not Jinja: {error}")) from error
    except RecursionError as error:
        raise refusal(Refusal(code=_UNSAFE, why="it is nested too deep")) from error


def try_templates(texts: Sequence[str]) -> None:
    """Render templates with a few conversations, in a process of its own that may take little.

    Raises:
        PackageError: package_template_unsafe or package_template_invalid.
    """
    if not texts:
        return
    task = msgspec.json.encode(Task(templates=tuple(texts)))
    # -P: what lies in the current folder, which may be that of a stranger's recipe, must not be imported.
    command = (sys.executable, "-P", "-m", "homeport.packages.template_child")
    try:
        done = subprocess.run(  # noqa: S603  # no shell; this same program
            command, input=task, capture_output=True, timeout=_MAX_SECONDS, check=False
        )
        found = msgspec.json.decode(done.stdout, type=Refusal | None)
    except (subprocess.TimeoutExpired, msgspec.MsgspecError):
        # It was killed for its time or its memory, so it said nothing.
        found = Refusal(code=_UNSAFE, why="rendering it takes too long, or too much memory")
    if found is not None:
        raise refusal(found)


def refusal(found: Refusal) -> PackageError:
    """The error of a template that is refused."""
    why = "".join(character for character in found.why[:300] if character.isprintable())
    return PackageError(
        f"the chat template is refused: {why}",
        code=found.code,
        hint="a template only puts messages together; take it from the model's maker, and do not trust this one",
    )


def _check_node(node: nodes.Node) -> None:
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise _reaches(node.attr)
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and _DUNDER.search(node.value):
        raise _reaches(node.value)
    if isinstance(node, nodes.Name) and (node.name.startswith("__") or node.name in _PYTHON):
        raise _reaches(node.name)
    if isinstance(node, nodes.Filter) and node.name == "attr":
        raise _reaches("attr")
    if isinstance(node, _OTHER_FILES):
        raise refusal(Refusal(code=_UNSAFE, why="it asks for another file"))


def _reaches(what: str) -> PackageError:
    return refusal(Refusal(code=_UNSAFE, why=f"it reaches for Python: {what[:80]!r}"))
