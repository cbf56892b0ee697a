"""Running recognizers over text. What was found is told by kind and place, never by its text."""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from homeport.core import discovery
from homeport.privacy.recognizers.base import RecognizerModule

RECOGNIZERS = "homeport.privacy.recognizers"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence: `recognizer` is the kind, the rest is as in `Span`."""

    recognizer: str
    start: int
    end: int
    score: float


class Recognizers:
    """Some recognizers, by name."""

    def __init__(self, modules: Mapping[str, RecognizerModule]) -> None:
        self._modules = dict(modules)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._modules)

    def find(self, text: str) -> list[Finding]:
        """Everything that any of them finds, by place. Findings of different kinds may overlap."""
        found = [finding for name in self._modules for finding in self.find_one(name, text)]
        return sorted(found, key=lambda finding: (finding.start, finding.end, finding.recognizer))

    def find_one(self, name: str, text: str) -> list[Finding]:
        """What one of them finds."""
        return [
            Finding(recognizer=name, start=span.start, end=span.end, score=span.score)
            for span in self._modules[name].find(text)
        ]


def load_recognizers(names: Iterable[str] | None = None) -> Recognizers:
    """The recognizers of these names; by default all that are installed. Raises ConfigError."""
    wanted = discovery.discover(RECOGNIZERS) if names is None else names
    return Recognizers({name: cast(RecognizerModule, discovery.load(RECOGNIZERS, name)) for name in wanted})
