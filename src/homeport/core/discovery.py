"""Finding adapters: the modules of one folder, and third parties' entry points of one group.

No adapter is imported until the configuration names it. What else is in a folder, its package lists as `SHARED`.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from types import ModuleType

from homeport.core.errors import ConfigError


def discover(package: str) -> dict[str, str]:
    """Names of the adapters of a seam and the modules that hold them.

    Args:
        package: the folder as a dotted name, such as "homeport.providers"; also the entry-point group.

    Returns:
        name -> module path. Ours win over a third party's of the same name, so that an installed
        package cannot replace a shipped adapter.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ConfigError(f"{package} is not a package of adapters", code="adapter_folder_missing")
    found = {point.name: point.value for point in entry_points(group=package)}
    shared: frozenset[str] = getattr(importlib.import_module(package), "SHARED", frozenset())
    for module in pkgutil.iter_modules(spec.submodule_search_locations):
        if module.name not in {"base", *shared}:
            found[module.name] = f"{package}.{module.name}"
    return dict(sorted(found.items()))


def load(package: str, name: str) -> ModuleType:
    """Import the adapter `name` of a seam. Raises as `load_each`."""
    return load_each(package, (name,))[name]


def load_each(package: str, names: Iterable[str]) -> dict[str, ModuleType]:
    """Import some adapters of a seam, by name.

    Raises:
        ConfigError: no such adapter, or its module cannot be imported.
    """
    found = discover(package)
    return {name: _load(package, name, found) for name in names}


def _load(package: str, name: str, found: Mapping[str, str]) -> ModuleType:
    if name not in found:
        raise ConfigError(
            f"no {package.rpartition('.')[2]} adapter is called {name!r}",
            code="adapter_unknown",
            hint=f"use one of: {', '.join(found)}; or install one that offers itself to the group {package}",
        )
    try:
        return importlib.import_module(found[name])
    except Exception as error:  # an adapter may be anybody's code, and its import may fail in any way
        raise ConfigError(
            f"the adapter {name!r} ({found[name]}) cannot be imported: {str(error) or type(error).__name__}",
            code="adapter_broken",
            hint="install what it needs, or remove it from homeport.yaml",
        ) from error
