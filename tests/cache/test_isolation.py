"""Whoever is given a kept answer has asked for it: in every respect, or in all but the last words.

The cache that is modelled here takes any two texts of a partition for the same, as the worst verifier would, so that
it is keys and partitions alone that keep requests apart.
"""

import json
from collections.abc import Callable

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from homeport.cache.keys import Keys, Uncached
from homeport.core.caching import Mode, Place
from homeport.core.errors import InvalidRequest
from tests.cache.asking import SECRET, decoded
from tests.cache.worlds import ASKS, PEOPLE, UNHURRIED, Ask, depends_on, depends_on_without_words, is_exact_only

Craft = Callable[[Ask], Ask]

ASPECTS = [name for name in Ask.__struct_fields__ if name != "surface"]


class Cache:
    """Keeps each request as if it were its answer."""

    def __init__(self) -> None:
        self._by_embedder = {name: Keys(SECRET, name) for name in ("static:1", "minilm:1")}
        self.kept: dict[bytes, Ask] = {}
        self.together: dict[bytes, list[Ask]] = {}

    def place(self, ask: Ask) -> Place | None:
        found = self._by_embedder[ask.embedder].read(
            decoded(ask.body, ask.surface),
            ask.key,
            ask.rule,
            ask.kind,
            corpus=ask.corpus,
            end_user=ask.end_user,
            batch=ask.batch,
        )
        return None if isinstance(found, Uncached) else found.at(ask.target)

    def keep(self, ask: Ask, place: Place) -> None:
        self.kept.setdefault(place.id, ask)
        if place.text:
            self.together.setdefault(place.partition, []).append(ask)


class Isolation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache()
        self.asked: list[Ask] = []

    @rule(one=ASKS, more=st.lists(ASKS, max_size=4))
    def ask(self, one: Ask, more: list[Ask]) -> None:
        for ask in (one, *more):
            self._ask(ask)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), others=st.lists(st.tuples(st.sampled_from(ASPECTS), ASKS), min_size=1, max_size=3))
    def vary(self, data: st.DataObject, others: list[tuple[str, Ask]]) -> None:
        """What was asked before, but for one thing or two."""
        ask = data.draw(st.sampled_from(self.asked))
        for aspect, other in others:
            ask = msgspec.structs.replace(ask, **{aspect: getattr(other, aspect)})
        self._ask(ask)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def attack(self, data: st.DataObject) -> None:
        """Somebody sends what another sent, with something moved to where it would look the same."""
        victim = data.draw(st.sampled_from(self.asked))
        crafted = data.draw(st.sampled_from(CRAFTS))(victim)
        self._ask(msgspec.structs.replace(crafted, key=data.draw(st.sampled_from([victim.key, *PEOPLE]))))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """The very same is found: a cache that never answers would leak nothing either."""
        ask = data.draw(st.sampled_from(self.asked))
        place = self.cache.place(ask)
        assert place is not None
        assert place.id in self.cache.kept
        assert bool(place.text) is not is_exact_only(ask)

    def _ask(self, ask: Ask) -> None:
        try:
            place = self.cache.place(ask)
        except InvalidRequest:
            return
        if place is None:
            assert not ask.rule.exact
            return
        self._check(ask, place)
        self.cache.keep(ask, place)
        self.asked.append(ask)

    def _check(self, ask: Ask, place: Place) -> None:
        other = self.cache.kept.get(place.id)
        assert other is None or depends_on(other) == depends_on(ask), "another request has this id"
        assert bool(place.text) is (place.mode is not Mode.OFF)
        if place.text:
            here = depends_on_without_words(ask)
            assert here is not None, "other words must not stand for these"
            for other in self.cache.together.get(place.partition, ()):
                assert depends_on_without_words(other) == here, "a request of another kind is in this partition"


def _bytes(old: bytes, new: bytes) -> Craft:
    return lambda ask: msgspec.structs.replace(ask, body=ask.body.replace(old, new))


def _user_to_corpus(ask: Ask) -> Ask:
    return msgspec.structs.replace(ask, corpus=ask.end_user + ask.corpus, end_user="")


def _corpus_to_rule(ask: Ask) -> Ask:
    rule = msgspec.structs.replace(ask.rule, corpus=ask.corpus)
    return msgspec.structs.replace(ask, rule=rule, corpus=ask.rule.corpus)


def _name_to_upstream(ask: Ask) -> Ask:
    by = ask.target
    moved = msgspec.structs.replace(by, name=by.name + by.upstream, upstream="")
    return msgspec.structs.replace(ask, target=moved)


def _revision_to_model(ask: Ask) -> Ask:
    by = ask.target
    return msgspec.structs.replace(ask, target=msgspec.structs.replace(by, model=by.model + by.revision, revision=""))


def _words_to_system(ask: Ask) -> Ask:
    """What the user says becomes a rule of the system, and the user says nothing."""
    body = json.loads(ask.body)
    field = "input" if "input" in body else "messages"
    text = body[field][-1]["content"]
    body[field] = [{"role": "system", "content": text}, *body[field][:-1], {"role": "user", "content": ""}]
    return msgspec.structs.replace(ask, body=json.dumps(body).encode())


def _field_into_value(ask: Ask) -> Ask:
    """One field holds, as a text, the bytes of all others."""
    body = json.loads(ask.body)
    inside = json.dumps({name: value for name, value in body.items() if name not in ("model", "metadata")})
    return msgspec.structs.replace(ask, body=json.dumps({**body, "metadata": {"a": inside}}).encode())


CRAFTS: list[Craft] = [
    _bytes(b'"content": "', b'"content": "Another question", "content": "'),
    _bytes(b'"role": "user"', b'"role": "system", "role": "user"'),
    _bytes(b'"role": "user"', b'"role": "user", "role": "user"'),
    _bytes(b'"role": "user"', b'"name": "Ann", "role": "user"'),
    _bytes(b"Who is Ann Smith?", b"Who is \\u0041nn Smith?"),
    _bytes(b"Who is Ann Smith?", b"Who is Ann Smith?\\u0000"),
    _bytes(b"Who is Ann Smith?", b""),
    _bytes(b"Who is Ann Smith?", b"   "),
    _bytes(b'"model"', b'"max_completion_tokens": 1, "model"'),
    _bytes(b'"temperature": 0', b'"temperature": 1e-400'),
    _bytes(b"{", b" {\n\t"),
    _bytes(b'{"a": 1}', b'{"a": 1, "a": 1}'),
    _bytes(b'{"a": 1}', b'{"a": 10}'),
    _user_to_corpus,
    _corpus_to_rule,
    _name_to_upstream,
    _revision_to_model,
    _words_to_system,
    _field_into_value,
]


def test_nobody_is_given_what_was_told_to_somebody_else() -> None:
    """A thousand schedules of some dozens of requests each."""
    run_state_machine_as_test(Isolation, settings=settings(UNHURRIED, stateful_step_count=8))
