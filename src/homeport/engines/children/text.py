"""Tokens into text, piece by piece: no half characters, and nothing of a stop string."""

from collections.abc import Callable, Sequence

_HALF = "\N{REPLACEMENT CHARACTER}"


class Spelling:
    """The text of tokens as they come.

    A character may need several tokens, and a token's text may depend on the one before it. So a window is decoded
    with its predecessors, and what ends in half a character waits for the rest.

    Args:
        decode: token ids to text.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._start = 0
        self._told = 0

    def push(self, token: int) -> str:
        """The text that this token completes."""
        self._tokens.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(_HALF):
            return ""
        self._start, self._told = self._told, len(self._tokens)
        return fresh

    def rest(self) -> str:
        """What is left at the end, half characters included."""
        return self._fresh()

    def _fresh(self) -> str:
        before = self._decode(self._tokens[self._start : self._told])
        return self._decode(self._tokens[self._start :])[len(before) :]


class Stops:
    """Ends a text before the first of its stop strings; what could be the start of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.met = False

    def push(self, text: str) -> str:
        """What of the text so far is surely before a stop string."""
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.met = True
            return self._held[: min(places)]
        keep = max((self._overlap(stop) for stop in self._stops), default=0)
        out = self._held[: len(self._held) - keep]
        self._held = self._held[len(out) :]
        return out

    def rest(self) -> str:
        """What was held back, once no more text comes."""
        return "" if self.met else self._held

    def _overlap(self, stop: str) -> int:
        longest = min(len(stop) - 1, len(self._held))
        return next((size for size in range(longest, 0, -1) if self._held.endswith(stop[:size])), 0)
