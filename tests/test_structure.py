"""The house rules that no linter knows: docs/explanation/architecture.md, "Style"."""

import ast
import re
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
def test_nothing_of_ours_is_imported_inside_a_function(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            assert not [module for module in imported if module.split(".")[0] in ("homeport", "")], function.name


@pytest.mark.parametrize("name", names(SOURCES))
def test_a_broad_except_re_raises_or_says_why(name: str) -> None:
    text = (ROOT / name).read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type):
            reraises = any(isinstance(child, ast.Raise) for child in ast.walk(node))
            assert reraises or "#" in lines[node.lineno - 1], f"{name}:{node.lineno}"


def is_broad(kind: ast.expr | None) -> bool:
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


@pytest.mark.parametrize("name", names(SOURCES))
def test_the_environment_is_read_in_config_alone(name: str) -> None:
    if Path(name).parts[2] != "config":
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            assert not (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")), f"{name}:{node.lineno}"


def test_every_package_has_a_first_line_that_says_what_it_is() -> None:
    for path in (ROOT / "src").rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_target_that_make_help_tells_is_phony_once() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    told = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert sorted(phony.split()) == sorted(told)


@pytest.mark.parametrize("name", names(SOURCES))
def test_no_child_of_ours_imports_what_lies_in_the_current_folder(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Tuple | ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
            assert ast.unparse(node.elts[1]) == "'-P'", f"{name}:{node.lineno}"
