"""Templates. Jinja2 is imported when the first page is asked for, so that a gateway starts without it."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from homeport.console.access import ROOT
from homeport.console.assets import StaticFile, read_assets
from homeport.console.show import FILTERS

if TYPE_CHECKING:
    from jinja2 import Environment


class Renderer:
    """The templates of the console; what they are given is escaped, always.

    Args:
        everywhere: values that every template may use.
    """

    def __init__(self, everywhere: Mapping[str, Any]) -> None:
        self._environment = _environment()
        self._environment.globals.update(everywhere)

    def page(self, template: str, values: Mapping[str, Any], block: str = "") -> bytes:
        """A whole page, or one block of it."""
        found = self._environment.get_template(template)
        if not block:
            return found.render(**values).encode()
        context = found.new_context(dict(values))
        return "".join(found.blocks[block](context)).encode()


class Skin:
    """What every page looks like: the templates and the static files, read when first asked for."""

    @cached_property
    def assets(self) -> Mapping[str, StaticFile]:
        return read_assets()

    @cached_property
    def renderer(self) -> Renderer:
        versions = {name: f"{ROOT}/static/{name}?v={asset.version}" for name, asset in self.assets.items()}
        return Renderer({"asset": versions})


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=PackageLoader("homeport.console", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    return environment
