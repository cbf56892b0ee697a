"""Review: people say how good answers are, blind and by keys; how that agrees with the judge is told afterwards.

Neither the route nor what anybody else thinks of an answer is on the page, and an output is named by a word that means
something to this session alone. What was labelled can be taken back until the figures were shown.
"""

import math
from functools import partial
from typing import Any

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.figures.spoken import MOST_CHARS, Spoken, spoken
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import InvalidRequest, StorageError
from homeport.evaluation.review import queue_rules
from homeport.storage.labels import (
    LEAST_RATING,
    MOST_NOTE,
    MOST_RATING,
    MOST_SECONDS,
    Label,
    add_label,
    undo_label,
)
from homeport.storage.review_queue import (
    QueueRules,
    Waiting,
    end_session,
    hand_out,
    held,
    in_session,
    pass_over,
    queue_counts,
    take_up,
)
from homeport.storage.standing_quality import read_standing
from homeport.traces.said import Said, said

PATH = "/console/review"
RATINGS = {1: "useless", 2: "poor", 3: "fair", 4: "good", 5: "as good as can be"}
_WORD_CHARS = 32
_GONE = "This answer is not yours any more, so nothing was kept of it. Here is another one."


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One output as a reviewer sees it, and the words of those before and after it.

    Attributes:
        spoken: None where what was kept cannot be read.
    """

    word: str
    before: str
    after: str
    spoken: Spoken | None


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Review",
        path=PATH,
        place=45,
        routes={
            f"GET {PATH}": desk.show,
            f"POST {PATH}/label": desk.label,
            f"POST {PATH}/skip": desk.skip,
            f"POST {PATH}/undo": desk.undo,
            f"POST {PATH}/take-up": desk.take_up,
            f"POST {PATH}/end": desk.end,
            f"GET {PATH}/after": desk.after,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._engine = parts.engine
        self._bodies = parts.works.store.bodies

    @property
    def _rules(self) -> QueueRules:
        return queue_rules(self._parts.settings.evaluation.review, self._bodies.since())

    async def show(self, visit: Visit) -> Answer:
        return await off_the_loop(partial(self._page, visit, visit.query.get("item", "")))

    async def label(self, visit: Visit) -> Answer:
        rating, seconds, note = _rating(visit), _seconds(visit), _note(visit)
        return await off_the_loop(partial(self._label, visit, rating, seconds, note))

    async def skip(self, visit: Visit) -> Answer:
        return await off_the_loop(partial(self._skip, visit))

    async def undo(self, visit: Visit) -> Answer:
        return await off_the_loop(partial(self._undo, visit))

    async def take_up(self, visit: Visit) -> Answer:
        await off_the_loop(partial(take_up, self._engine, visit.user.user))
        return Redirect(to=PATH)

    async def end(self, visit: Visit) -> Answer:
        await off_the_loop(partial(end_session, self._engine, visit.user.user))
        return Redirect(to=f"{PATH}/after")

    async def after(self, visit: Visit) -> Answer:
        return await off_the_loop(partial(self._after, visit))

    def _label(self, visit: Visit, rating: int, seconds: float | None, note: str) -> Answer:
        one = self._meant(visit)
        if one is None:
            return self._page(visit, told=_GONE)
        label = Label(
            request_id=one.request_id,
            reviewer=visit.user.user,
            labelled_at=visit.now,
            rating=rating,
            seconds=seconds,
            note=note,
        )
        refused = add_label(self._engine, label, self._rules)
        return self._next(visit, told=_GONE if refused else "")

    def _skip(self, visit: Visit) -> Answer:
        one = self._meant(visit)
        passed = one is not None and pass_over(self._engine, visit.user.user, one.request_id)
        return self._next(visit, told="" if passed else _GONE)

    def _undo(self, visit: Visit) -> Answer:
        request_id = undo_label(self._engine, visit.user.user, visit.now)
        if request_id is None:
            return self._page(visit, told="There is no label of this session to take back.")
        return self._page(
            visit, self._word(visit, request_id), told="Your last label is taken back. Here is its answer."
        )

    def _next(self, visit: Visit, told: str) -> Answer:
        """A browser without scripts asks anew, so that nothing is sent twice."""
        return self._page(visit, told=told) if visit.partial or told else Redirect(to=PATH)

    def _page(self, visit: Visit, word: str = "", told: str = "") -> Html:
        reviewer, rules = visit.user.user, self._rules
        hand = hand_out(self._engine, reviewer, rules, visit.now, self._bodies.has)
        counts = queue_counts(self._engine, reviewer, rules, visit.now)
        values = {
            "title": "Review",
            "shown": self._shown(visit, hand, word),
            "counts": counts,
            "waiting": counts.waiting + len(hand),
            "told": told,
            "ratings": RATINGS,
            "most_note": MOST_NOTE,
            "most": MOST_CHARS,
            "measures": self._parts.settings.evaluation.enabled,
            "captures": self._parts.settings.capture.enabled,
        }
        return Html(template="review.html", values=values, block="review" if visit.partial else "")

    def _shown(self, visit: Visit, hand: list[Waiting], word: str) -> Shown | None:
        if not hand:
            return None
        names = [self._word(visit, one.request_id) for one in hand]
        place = names.index(word) if word in names else 0
        return Shown(
            word=names[place],
            before=names[place - 1] if place else "",
            after=names[place + 1] if place + 1 < len(names) else "",
            spoken=self._spoken(hand[place].request_id),
        )

    def _spoken(self, request_id: str) -> Spoken | None:
        try:
            kept = self._bodies.get(request_id)
        except StorageError:  # the page says that it cannot be read, and others can
            return None
        return None if kept is None else spoken(_untold(said(kept)))

    def _meant(self, visit: Visit) -> Waiting | None:
        """The output that a form names; None where this reviewer does not hold it any more."""
        word = visit.form.one("item")
        hand = held(self._engine, visit.user.user, self._rules, visit.now)
        return next((one for one in hand if self._word(visit, one.request_id) == word), None)

    def _word(self, visit: Visit, request_id: str) -> str:
        return self._parts.sessions.proof(visit.token, f"review {request_id}")[:_WORD_CHARS]

    def _after(self, visit: Visit) -> Html:
        reviewer = visit.user.user
        values: dict[str, Any] = {"title": "After this session", "ended": False, "standing": None, "mine": None}
        if not in_session(self._engine, reviewer, visit.now):
            standing = read_standing(self._parts.home.quality_standing, visit.now)
            mine = [one for one in standing.reviewers if one.reviewer == reviewer] if standing else []
            values |= {"ended": True, "standing": standing, "mine": next(iter(mine), None)}
        values["counts"] = queue_counts(self._engine, reviewer, self._rules, visit.now)
        return Html(template="reviewed.html", values=values, block="figures" if visit.partial else "")


def _untold(found: Said) -> Said:
    """Without what tells of the model: how sure it was of each token."""
    return msgspec.structs.replace(found, tokens=())


def _rating(visit: Visit) -> int:
    """Raises InvalidRequest rating_invalid."""
    text = visit.form.one("rating")
    if text not in {str(rating) for rating in range(LEAST_RATING, MOST_RATING + 1)}:
        raise InvalidRequest(
            "a rating is a whole number from 1 to 5",
            code="rating_invalid",
            param="rating",
            hint="press 1, 2, 3, 4 or 5",
        )
    return int(text)


def _seconds(visit: Visit) -> float | None:
    """As the browser counted them; None for what cannot be."""
    try:
        seconds = float(visit.form.one("seconds"))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= MOST_SECONDS else None


def _note(visit: Visit) -> str:
    """Raises InvalidRequest note_too_long."""
    note = visit.form.one("note")
    if len(note) > MOST_NOTE:
        raise InvalidRequest(
            f"a note has at most {MOST_NOTE:,} characters", code="note_too_long", param="note", hint="shorten it"
        )
    return note
