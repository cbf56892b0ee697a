"""Python interpreters that hold heavy libraries: which one an engine uses, and what is in it.

torch and vLLM have pins of their own, so they live in an environment of their own (`make engines` makes one). Nothing
of the gateway is installed there: a child is told where this program lies, and imports `homeport.engines.children`.
"""

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from homeport.core.errors import ConfigError

BESIDE = ".venv-engines"
"""The environment that `make engines` makes, beside the one that this program runs in."""

_PROGRAM = Path(__file__).parents[1]
_CHILDREN = "homeport.engines.children"
# The package is loaded by its path: what else is installed beside this program stays out of the child.
_BOOT = (
    "import importlib.util as u,sys;"
    "s=u.spec_from_file_location('homeport',sys.argv[1]+'/__init__.py',submodule_search_locations=[sys.argv[1]]);"
    "m=u.module_from_spec(s);sys.modules['homeport']=m;s.loader.exec_module(m);"
    "from homeport.engines.children.start import main;main(sys.argv[2])"
)


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """A Python to start children with.

    Attributes:
        build: names and versions of the libraries asked for, such as "transformers 5.19.0, torch 2.13.0+cpu"; ""
            where the first of them is not there.
    """

    path: Path
    build: str

    def command(self, program: str, *, among: str = _CHILDREN) -> tuple[str, ...]:
        """What runs `main` of a module of a package of ours; it reads its launch from standard input."""
        return (str(self.path), "-P", "-c", _BOOT, str(_PROGRAM), f"{among}.{program}")


def find_interpreter(engine: str, named: str | None, libraries: Sequence[Sequence[str]]) -> Interpreter:
    """The interpreter of an engine: the one that is named, else `BESIDE` where it has the library, else this one.

    Args:
        engine: for the error.
        libraries: names of distributions, each with those that stand for it; the first of all is the engine's own.

    Raises:
        ConfigError: engine_option_invalid; `named` is no absolute path.
    """
    if named is not None:
        return _named(engine, named, libraries)
    path = Path(sys.prefix).parent / BESIDE / "bin" / "python"
    beside = Interpreter(path=path, build=_build(path, libraries))
    return beside if beside.build else Interpreter(path=Path(sys.executable), build=_build(None, libraries))


def _named(engine: str, named: str, libraries: Sequence[Sequence[str]]) -> Interpreter:
    path = Path(named)
    if not (path.is_absolute() and named.isprintable()):
        raise ConfigError(
            f"engines.{engine}.profile.python is no absolute path",
            code="engine_option_invalid",
            hint="write the whole path of a Python, such as /opt/engines/bin/python",
        )
    return Interpreter(path=path, build=_build(path, libraries))


def _build(python: Path | None, libraries: Sequence[Sequence[str]]) -> str:
    """Read from what pip noted beside the libraries: no interpreter is started."""
    found = [_version(_folders(python), names) for names in libraries]
    return ", ".join(version for version in found if version) if found[0] else ""


def _version(folders: list[str], names: Sequence[str]) -> str:
    for name in names:
        for distribution in metadata.distributions(name=name, path=folders):
            return f"{name} {distribution.version}"
    return ""


def _folders(python: Path | None) -> list[str]:
    if python is None:
        return sys.path
    return [str(folder) for folder in python.parent.parent.glob("lib/python3*/*-packages")]
