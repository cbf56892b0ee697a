"""Which view answers a path."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from homeport.console.page import Page, View


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A route that was found. `words` are what stands in the path in the place of the names in braces."""

    route: str
    view: View
    words: Mapping[str, str]


class Routes:
    """All routes of some pages. Raises ValueError where two have the same."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._views: dict[tuple[str, int], list[tuple[Sequence[str], str, View]]] = {}
        self.names: list[str] = []
        for page in pages:
            for name, view in page.routes.items():
                self._add(name, view)

    def find(self, method: str, path: str) -> Match | None:
        """None where nothing is there. A path with fixed parts wins over one with names."""
        parts = path.split("/")
        for pattern, name, view in self._views.get((method, len(parts)), ()):
            words = _words(pattern, parts)
            if words is not None:
                return Match(route=name, view=view, words=words)
        return None

    def _add(self, name: str, view: View) -> None:
        if name in self.names:
            raise ValueError(f"two pages have the route {name}")
        self.names.append(name)
        method, _, path = name.partition(" ")
        pattern = path.split("/")
        same_length = self._views.setdefault((method, len(pattern)), [])
        same_length.append((pattern, name, view))
        same_length.sort(key=lambda route: [part.startswith("{") for part in route[0]])


def _words(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    words = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{") and part:
            words[expected.strip("{}")] = part
        elif expected != part:
            return None
    return words
