"""Alarms over the prompts of one project: batches in time, each beside what was usual before it.

The unit of the test is a batch (a day), never a prompt: what is asked on one day hangs together. The first batches are
presumed to be usual. Each one after them is seen in seven ways (`prompt_views`), each view is a score beyond what is
usual (`prompt_usual`), and each score is bet on against its own tolerance (`stats.sequential`). The evidence is the
mean over the views of their e-detectors, which is an e-detector itself: so there is one alarm and one rate, however
many views there are. As long as the mean score of each view keeps its tolerance, there are 1 / alpha batches at least,
on average, before a false alarm.

A batch joins what is usual when a week of batches has come after it without much evidence, so that a change which
comes little by little is not learned while it comes. After an alarm, what is asked from then on is learned.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from homeport.drift.prompt_batches import Batch
from homeport.drift.prompt_news import Figure, figures, shown
from homeport.drift.prompt_pairs import bandwidth
from homeport.drift.prompt_usual import Moved, Usual, judge, learn
from homeport.drift.prompt_views import VIEWS, Album
from homeport.stats.sequential import EDetector, factors

ALPHA = 0.001
"""With a batch a day, one false alarm in 1 / ALPHA days at most, on average: in almost three years of a project."""

LEAST_BATCHES = 7
"""With fewer usual batches than these nothing is judged: a week has all of its days."""

KNOWN_BATCHES = 14
"""So many are needed to know a project; with fewer, the tolerance is higher."""

LAG = 7
"""A batch joins what is usual when so many have come after it."""

MOST_BATCHES = 60
"""So many of the usual ones are remembered, the latest."""

_CALM = 30.0
"""With more evidence than this nothing joins what is usual, for so long at most:"""
_LONGEST = 28
_ANEW = 10
"""What is usual is learned anew when a tenth of the batches is new."""


class Verdict(Enum):
    """What was said of a batch: it was only learned from, it says nothing of a change, or it raised the alarm."""

    LEARNED = "learned"
    USUAL = "usual"
    MOVED = "moved"
    DRIFT = "drift"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A batch.

    Attributes:
        e_value: evidence of a change after it; 1 where there is none.
        scores, tolerances, distances: by view; empty where nothing was judged.
        learned_from: usual batches that it was compared with.
    """

    first: str
    last: str
    prompts: int
    verdict: Verdict
    e_value: float = 1.0
    scores: tuple[float, ...] = ()
    tolerances: tuple[float, ...] = ()
    distances: tuple[float, ...] = ()
    learned_from: int = 0


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked is not what was asked before.

    Attributes:
        day: of the batch with which it was noticed; `since`: the first day that was unlike those before.
        views: those that say so, the one that says most first.
        usual_days: how many batches were usual.
        figures: what changed, before and now.
        examples: ids of prompts that show what is new, the most telling first.
        new: ids of all prompts since then that are new.
    """

    day: str
    since: str
    e_value: float
    views: tuple[str, ...]
    usual_days: int
    figures: tuple[Figure, ...]
    examples: tuple[str, ...]
    new: tuple[str, ...] = ()


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """All batches, judged."""

    judged: tuple[Judged, ...]
    alarms: tuple[Alarm, ...]


def watch(batches: Iterable[Batch], alpha: float = ALPHA) -> Watch:
    """Judge the batches of a project, one after the other, each by those before it alone."""
    watcher = Watcher(alpha)
    for batch in batches:
        watcher.add(batch)
    return Watch(judged=tuple(watcher.judged), alarms=tuple(watcher.alarms))


class Watcher:
    """Takes one batch after the other."""

    def __init__(self, alpha: float = ALPHA) -> None:
        self._enough = 1 / alpha
        self.judged: list[Judged] = []
        self.alarms: list[Alarm] = []
        self._begin()

    def _begin(self) -> None:
        self._detectors = [EDetector() for _ in VIEWS]
        self._album: Album | None = None
        self._batches: dict[int, Batch] = {}
        self._known: list[int] = []
        self._waiting: list[int] = []
        self._usual: Usual | None = None

    @property
    def evidence(self) -> float:
        return sum(detector.evidence for detector in self._detectors) / len(self._detectors)

    def add(self, batch: Batch) -> None:
        """Judge the next batch."""
        number = len(self.judged)
        self._batches[number] = batch
        if self._album is None:
            self.judged.append(_judged(batch, Verdict.LEARNED, learned_from=len(self._known)))
            self._known.append(number)
            if len(self._known) == LEAST_BATCHES:
                self._open()
            return
        self._album.add(number, batch)
        self._judge(self._album, self._learn(self._album), number)

    def _open(self) -> None:
        self._album = Album(bandwidth(list(self._batches.values())))
        for number, batch in self._batches.items():
            self._album.add(number, batch)

    def _learn(self, album: Album) -> Usual:
        """What is usual, learned anew where enough batches have joined it."""
        fresh = len(set(self._known) - set(self._usual.numbers)) if self._usual else 0
        if self._usual is None or fresh * _ANEW >= len(self._known):
            self._usual = learn(album, self._known)
        return self._usual

    def _judge(self, album: Album, usual: Usual, number: int) -> None:
        found = judge(album, number, usual)
        scores, tolerances = found.scores.tolist(), usual.tolerance.tolist()
        for detector, score, tolerance in zip(self._detectors, scores, tolerances, strict=True):
            detector.add(factors(score, tolerance))
        moved = any(score > tolerance for score, tolerance in zip(scores, tolerances, strict=True))
        self.judged.append(
            _judged(
                self._batches[number],
                Verdict.MOVED if moved else Verdict.USUAL,
                e_value=max(1.0, self.evidence),
                scores=tuple(scores),
                tolerances=tuple(tolerances),
                distances=tuple(found.distances.tolist()),
                learned_from=len(usual.numbers),
            )
        )
        self._waiting.append(number)
        if self.evidence >= self._enough:
            self._raise_alarm(album, usual, number, found)
        else:
            self._admit(album, number)

    def _admit(self, album: Album, number: int) -> None:
        """Let batches join what is usual, and the oldest go."""
        calm = self.evidence < _CALM
        while self._waiting and number - self._waiting[0] >= (LAG if calm else _LONGEST):
            self._known.append(self._waiting.pop(0))
        while len(self._known) > MOST_BATCHES:
            # What was learned knows it still, until it is learned anew.
            self._known.pop(0)
        kept = {*self._known, *self._waiting, *(self._usual.numbers if self._usual else ())}
        for gone in [one for one in self._batches if one not in kept]:
            album.drop(gone)
            del self._batches[gone]

    def _raise_alarm(self, album: Album, usual: Usual, number: int, found: Moved) -> None:
        evidence = self.evidence
        views = self._telling()
        since = self._since(VIEWS.index(views[0]), number)
        new = [one for one in self._waiting if one >= since]
        told = shown(album, usual, new)
        self.judged[number] = msgspec.structs.replace(self.judged[number], verdict=Verdict.DRIFT)
        self.alarms.append(
            Alarm(
                day=self.judged[number].last,
                since=self.judged[since].first,
                e_value=evidence,
                views=views,
                usual_days=len(usual.numbers),
                figures=figures(album, usual, number, found, views),
                examples=told.examples,
                new=told.every,
            )
        )
        self._begin()

    def _telling(self) -> tuple[str, ...]:
        """The view with the most evidence, and those that would do by themselves."""
        told = sorted(
            zip((detector.evidence for detector in self._detectors), VIEWS, strict=True), key=lambda one: -one[0]
        )
        return tuple(view for place, (evidence, view) in enumerate(told) if not place or evidence >= self._enough)

    def _since(self, view: int, number: int) -> int:
        """The first of the batches in a row that were beyond the tolerance in a view."""
        while number - 1 in self._waiting and _beyond(self.judged[number - 1], view):
            number -= 1
        return number


def _beyond(judged: Judged, view: int) -> bool:
    return judged.scores[view] > judged.tolerances[view]


def _judged(
    batch: Batch,
    verdict: Verdict,
    *,
    e_value: float = 1.0,
    scores: Sequence[float] = (),
    tolerances: Sequence[float] = (),
    distances: Sequence[float] = (),
    learned_from: int = 0,
) -> Judged:
    return Judged(
        first=batch.first,
        last=batch.last,
        prompts=len(batch),
        verdict=verdict,
        e_value=e_value,
        scores=tuple(scores),
        tolerances=tuple(tolerances),
        distances=tuple(distances),
        learned_from=learned_from,
    )
