"""Which texts of a conversation are the same, and whether its turns go round in a circle."""

from collections import deque
from collections.abc import Iterator, Sequence

from homeport.ledger.loops.texts import Text, counted, near

_RECENT = 6
_LONGEST_PERIOD = 8
_ROUND = 8


class Leaders:
    """Groups texts that are nearly the same by the first of each group, so that slow change does not go unseen.

    Args:
        share: of their pairs of words that two texts have in common at least.
        figures: whether other numbers make another text.
        least: words that a text with other numbers has at least; below it they are what it is about.
    """

    def __init__(self, share: float, *, figures: bool, least: int = 0) -> None:
        self._share = share
        self._figures = figures
        self._least = least
        self._recent: deque[Text] = deque(maxlen=_RECENT)

    def of(self, text: Text) -> Text:
        """The first of the texts that this one is like; itself where it is like none."""
        found = next((one for one in reversed(self._recent) if self._alike(text, one)), None)
        if found is None:
            self._recent.append(text)
            return text
        if self._recent[-1] is not found:
            self._recent.remove(found)
            self._recent.append(found)
        return found

    def _alike(self, text: Text, other: Text) -> bool:
        if text.key == other.key:
            return True
        short = self._figures or text.words < self._least
        if text.figures != other.figures and (short or not counted(text, other)):
            return False
        return near(text, other, self._share)


class Steps:
    """The last turns by what they did, to find a cycle in them."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=_LONGEST_PERIOD + _ROUND)

    def add(self, step: int) -> None:
        self._steps.append(step)

    def cycle(self) -> bool:
        """Whether the last turns came in the order of those before them, so many turns ago."""
        steps = list(self._steps)
        return any(_shifted(steps, period) for period in _periods(len(steps)))


def _periods(length: int) -> Iterator[int]:
    yield from range(1, min(_LONGEST_PERIOD, length - _ROUND) + 1)


def _shifted(steps: Sequence[int], period: int) -> bool:
    return steps[-_ROUND:] == steps[-_ROUND - period : -period]
