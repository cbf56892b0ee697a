"""What is found in a request's content, by the rules that hold for it. Whatever fails here, it stays at home."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw

from homeport.core.privacy import Action, Assessment, data_class_of, strictest
from homeport.core.types import DataClass
from homeport.privacy.classes import Rules
from homeport.privacy.recognize import Finding, Recognizers
from homeport.privacy.texts import Text, Unreadable, read_fields

DETECTOR_FAILED = "detector_failed"

_CHUNK = 65_536
_OVERLAP = 2_048
_SHORT = 256
_PAUSE_NS = 2_000_000
# Names that fields have in every request: they say nothing about the value.
_STRUCTURAL = frozenset({"", "role", "type", "content", "text", "name", "id", "model", "input", "output", "arguments"})


class DetectorFailed(Exception):
    """It is not known what a request holds. `why` names what failed; it says nothing of the content."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Classifier:
    """Looks for what rules name.

    Args:
        now_ns: nanoseconds of a clock that never steps back.
        limit_s: seconds that one request may take.
    """

    def __init__(self, recognizers: Recognizers, now_ns: Callable[[], int], limit_s: float) -> None:
        self._recognizers = recognizers
        self._now_ns = now_ns
        self._limit_ns = round(limit_s * 1e9)

    async def assess(self, said: Assessment, rules: Sequence[Rules], fields: Mapping[str, Raw]) -> Assessment:
        """What is known once the content was looked at; never less strict than what was said.

        Raises:
            DetectorFailed: a recognizer failed or took too long, or the fields cannot be read whole.
        """
        if not _could_be_stricter(said.action, rules):
            return said
        try:
            contents = read_fields(fields)
        except Unreadable as error:
            raise DetectorFailed(f"the body: {error}") from error
        found: dict[str, Action] = {}
        if contents.attachments:
            found["attachment"] = strictest(rule.attachments for rule in rules)
        async for finding in self._findings(contents.texts, rules):
            action = _action(finding, rules)
            found[finding.recognizer] = strictest((action, found.get(finding.recognizer, action)))
        return _assessed(said, {name: action for name, action in found.items() if action is not Action.ALLOW})

    def finder(self, rules: Sequence[Rules]) -> Callable[[Text], list[Finding]]:
        """Finds in a text what a rule is about: the same for the same text.

        Raises (when it is used): DetectorFailed.
        """
        names = _names(rules)
        watch = _Watch(self._now_ns, self._limit_ns)

        def find(text: Text) -> list[Finding]:
            watch.begin()
            found = [finding for piece in _pieces(text) for finding in self._on(piece, names, watch)]
            watch.end()
            return [finding for finding in found if _action(finding, rules) is not Action.ALLOW]

        return find

    async def _findings(self, texts: Iterable[Text], rules: Sequence[Rules]) -> AsyncIterator[Finding]:
        """In turns with whatever else this process does: a long prompt must not make others wait."""
        names, watch = _names(rules), _Watch(self._now_ns, self._limit_ns)
        for piece in (piece for text in texts if names for piece in _pieces(text)):
            for finding in self._on(piece, names, watch):
                yield finding
            if watch.is_long():
                watch.end()
                await asyncio.sleep(0)
                watch.begin()

    def _on(self, piece: "_Piece", names: Iterable[str], watch: "_Watch") -> Iterator[Finding]:
        for name in names:
            try:
                found = self._recognizers.find_one(name, piece.text)
            except Exception as error:  # a recognizer may be anybody's code, and fail in any way
                raise DetectorFailed(f"the recognizer {name}: {type(error).__name__}") from error
            if watch.is_over():
                raise DetectorFailed(f"the recognizer {name}: out of time")
            for finding in found:
                if finding.end + piece.offset > 0:
                    start = max(0, finding.start + piece.offset)
                    yield msgspec.structs.replace(finding, start=start, end=finding.end + piece.offset)


class _Piece(msgspec.Struct, frozen=True):
    """Part of a text; `offset` is where in it the part begins, below 0 where the field's name stands before it."""

    text: str
    offset: int


def _pieces(text: Text) -> Iterator[_Piece]:
    """Parts that are quick to look at, each with the end of the one before. What a short text is, its field may say."""
    if len(text.text) <= _SHORT and text.label.lower() not in _STRUCTURAL:
        yield _Piece(f"{text.label}: {text.text}", -len(text.label) - 2)
        return
    for start in range(0, len(text.text), _CHUNK):
        begin = max(0, start - _OVERLAP)
        yield _Piece(text.text[begin : start + _CHUNK], begin)


class _Watch:
    """How long was worked."""

    def __init__(self, now_ns: Callable[[], int], limit_ns: int) -> None:
        self._now_ns = now_ns
        self._limit_ns = limit_ns
        self._before = 0
        self._since = now_ns()

    def begin(self) -> None:
        self._since = self._now_ns()

    def end(self) -> None:
        self._before += self._now_ns() - self._since

    def is_long(self) -> bool:
        return self._now_ns() - self._since > _PAUSE_NS

    def is_over(self) -> bool:
        return self._before + self._now_ns() - self._since > self._limit_ns


def _names(rules: Iterable[Rules]) -> Sequence[str]:
    return sorted({name for rule in rules for name in rule.find})


def _could_be_stricter(action: Action, rules: Iterable[Rules]) -> bool:
    asked = [action for rule in rules for action in (rule.attachments, *rule.find.values())]
    return strictest((action, *asked)) is not action or (action is Action.REDACT_AND_RESTORE and bool(asked))


def _action(finding: Finding, rules: Iterable[Rules]) -> Action:
    return strictest(
        rule.find[finding.recognizer]
        for rule in rules
        if finding.recognizer in rule.find and finding.score >= rule.min_score
    )


def _assessed(said: Assessment, found: Mapping[str, Action]) -> Assessment:
    action = strictest((said.action, *found.values()))
    reason = said.reason
    if action is not said.action:
        reason = f"content:{min(name for name, one in found.items() if one is action)}"
    return msgspec.structs.replace(
        said, action=action, data_class=data_class_of(action), found=tuple(sorted(found)), reason=reason
    )


def failed(said: Assessment) -> Assessment:
    """What is done with a request of which it is not known what it holds: it stays at home."""
    if said.action.strictness >= Action.LOCAL_ONLY.strictness:
        return said
    return msgspec.structs.replace(said, action=Action.LOCAL_ONLY, data_class=DataClass.PRIVATE, reason=DETECTOR_FAILED)
