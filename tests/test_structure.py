"""The house rules that no linter knows: docs/explanation/architecture.md, "Style"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ALL = sorted(path for folder in ("src", "tests", "examples", "bench") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("name", names(ALL))
def test_no_file_is_long(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("name", names(SOURCES))
def test_names_say_what_is_inside(name: str) -> None:
    assert not FORBIDDEN_NAMES & set(Path(name).with_suffix("").parts)


@pytest.mark.parametrize("name", names(SOURCES))
def test_a_source_keeps_the_rules(name: str) -> None:
    """All of them at once: to read a file takes longer than to look at it."""
    text = (ROOT / name).read_text()
    lines, broken = text.splitlines(), list[str]()
    for node in ast.walk(ast.parse(text)):
        broken += [f"{name}:{getattr(node, 'lineno', 0)}: {rule}" for rule in broken_by(node, lines)]
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and Path(name).parts[2] != "config":
            broken.append(f"{name}:{node.lineno}: the environment is read in config/ alone")
    assert broken == []


def broken_by(node: ast.AST, lines: list[str]) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and imports_ours(node):
        yield f"{node.name} imports something of ours"
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") and imports_ours(node):
        yield "what is imported for types alone hides a cycle"
    elif isinstance(node, ast.ExceptHandler) and is_broad(node.type):
        reraises = any(isinstance(child, ast.Raise) for child in ast.walk(node))
        if not (reraises or "#" in lines[node.lineno - 1]):
            yield "a broad except re-raises, or says why not"
    elif isinstance(node, ast.Tuple | ast.List) and node.elts and is_our_python(node.elts[0]):
        is_apart = ast.unparse(node.elts[1]) == "'-P'"
        yield from () if is_apart else ("a child of ours imports what lies in the current folder",)


def imports_ours(block: ast.stmt) -> bool:
    for node in ast.walk(block):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        if [module for module in imported if module.split(".")[0] in ("homeport", "")]:
            return True
    return False


def is_our_python(first: ast.expr) -> bool:
    return isinstance(first, ast.Attribute) and ast.unparse(first) == "sys.executable"


def is_broad(kind: ast.expr | None) -> bool:
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


def test_every_package_has_a_first_line_that_says_what_it_is() -> None:
    for path in (ROOT / "src").rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_target_that_make_help_tells_is_phony_once() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    told = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert sorted(phony.split()) == sorted(told)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def f():\n    from homeport.core import x", "f imports something of ours"),
        ("def f():\n    def g():\n        import homeport", "f imports something of ours"),
        ("def f():\n    from . import x", "f imports something of ours"),
        ("if TYPE_CHECKING:\n    from homeport.core import x", "what is imported for types alone hides a cycle"),
        ("try:\n    f()\nexcept Exception:\n    pass", "a broad except re-raises, or says why not"),
        ("try:\n    f()\nexcept:\n    pass", "a broad except re-raises, or says why not"),
        ("c = (sys.executable, '-m', 'x')", "a child of ours imports what lies in the current folder"),
    ],
)
def test_what_breaks_a_rule_is_seen(source: str, rule: str) -> None:
    assert rule in [one for node in ast.walk(ast.parse(source)) for one in broken_by(node, source.splitlines())]


@pytest.mark.parametrize(
    "source",
    [
        "from homeport.core import x\ndef f():\n    import json",
        "if TYPE_CHECKING:\n    from numpy.typing import NDArray",
        "try:\n    f()\nexcept Exception:\n    raise",
        "try:\n    f()\nexcept Exception:  # whatever it raises\n    pass",
        "try:\n    f()\nexcept ValueError:\n    pass",
        "c = [sys.executable, '-P', '-m', 'x']",
    ],
)
def test_what_keeps_the_rules_is_let_be(source: str) -> None:
    assert not [one for node in ast.walk(ast.parse(source)) for one in broken_by(node, source.splitlines())]
