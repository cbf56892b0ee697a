"""As tests/cache/test_isolation.py, on the real request path: nobody is told what was made for somebody else.

Each answer is a number, so that it is known for whom it was made, whatever words it comes in. Any two texts of a
partition are taken for the same, as the worst verifier would, and gateways are replaced by others with other models.
"""

import asyncio
import json
import re

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from homeport.cache.verifier.verify import Ruling
from homeport.config.cache import CacheSettings
from homeport.config.privacy import ClassSettings, PrivacySettings
from homeport.core.caching import CacheRule, Mode, Sharing
from homeport.core.privacy import Action, Assessment
from homeport.core.types import Completion, DataClass, Key, Surface, Target
from homeport.privacy.recognize import load_recognizers
from tests.cache.worlds import BODIES, LASTING, PEOPLE, UNHURRIED, Ask, depends_on, depends_on_without_words
from tests.fakes.believing import Alike, Upstream
from tests.fakes.entries import MemoryEntries
from tests.fakes.house import House, target
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.pipeline.test_caching import whole

OPEN, LEGAL = Assessment(), Assessment(classes=("legal",))
OF_PRIVATE = Assessment(data_class=DataClass.PRIVATE, action=Action.LOCAL_ONLY)
NURSE = Key(id="key_nurse", name="nurse", project="acme/shop", data_class=DataClass.PRIVATE)
KEYS = {f"hp-{key.id}": key for key in (*PEOPLE, NURSE)}
PRIVACY = PrivacySettings(classes={"legal": ClassSettings(action=Action.ALLOW)})
CHAT_ONLY = frozenset({Surface.CHAT})
REVISIONS = ("sha256:a", "sha256:b")
NUMBER = re.compile(rb"answer-(\d+)-")


def models(revision: str) -> tuple[Target, ...]:
    at = [("own", True), ("mid", False), ("top", False)]
    return tuple(target(name, local=local, surfaces=CHAT_ONLY, revision=revision) for name, local in at)


class Credulous:
    """A verifier to which all texts ask for the same."""

    def rule(self, asked: str, kept: str, cosine: float, mode: Mode) -> Ruling:
        return Ruling(True, "believed")


ASKS = st.builds(
    lambda spoken, **more: Ask(surface=spoken[0], body=spoken[1], **more),
    BODIES,
    key=st.sampled_from([PEOPLE[0], *PEOPLE, NURSE]),
    kind=st.sampled_from([OPEN, OPEN, LEGAL]),
    corpus=st.sampled_from(["", "", "v1"]),
    end_user=st.sampled_from(["", "", "u1"]),
    target=st.sampled_from([models("")[place] for place in (0, 1, 1, 2)]),
)
ASPECTS = ("key", "kind", "corpus", "end_user", "target", "body")


class Path(RuleBasedStateMachine):
    """Requests to one gateway after another, over one store of entries."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.entries = MemoryEntries()
        self.asked: list[Ask] = []
        self.made_for: list[Ask] = []

    @initialize(
        mode=st.sampled_from([Mode.BALANCED, Mode.BALANCED, Mode.OFF]),
        share=st.sampled_from(Sharing),
        turns=st.booleans(),
    )
    def begin(self, mode: Mode, share: Sharing, turns: bool) -> None:
        self.settings = CacheSettings(exact=True, semantic=mode, share=share, multi_turn=turns, check_percent=0)
        self.rule = CacheRule(exact=True, semantic=mode, sharing=share, multi_turn=turns)
        self._start(REVISIONS[0])

    @rule(revision=st.sampled_from(REVISIONS))
    def restart(self, revision: str) -> None:
        """The gateway starts again, perhaps with other packages, and knows what was kept before."""
        self._exchange_news()
        self._start(revision)
        self._exchange_news()

    @rule(one=ASKS, more=st.lists(ASKS, max_size=3))
    def ask(self, one: Ask, more: list[Ask]) -> None:
        for ask in (one, *more):
            self._ask(ask)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), text=st.sampled_from(LASTING), others=st.lists(st.tuples(st.sampled_from(ASPECTS), ASKS)))
    def vary(self, data: st.DataObject, text: str, others: list[tuple[str, Ask]]) -> None:
        """What was asked before in other words, and then for other things as well."""
        ask = data.draw(st.sampled_from(self.asked))
        ask = msgspec.structs.replace(ask, body=ask.body.replace(LASTING[0].encode(), text.encode()))
        self._ask(ask)
        for aspect, other in others[:2]:
            ask = msgspec.structs.replace(ask, **{aspect: getattr(other, aspect)})
            if aspect == "body":
                ask = msgspec.structs.replace(ask, surface=other.surface)
            self._ask(ask)

    def teardown(self) -> None:
        self.runner.close()

    def _start(self, revision: str) -> None:
        self.models = {model.name: model for model in models(revision)}
        ring = FixedKeyRing(KEYS)
        self.house = House(*self.models.values(), keys=ring, privacy=PRIVACY, cache=self.settings, entries=self.entries)
        for name in self.models:
            self.house.serve(f"at-{name}", Upstream(self._tell))

    def _tell(self, _: str) -> Completion:
        self.made_for.append(self.now)
        return whole(f"answer-{len(self.made_for) - 1}-")

    def _exchange_news(self) -> None:
        assert self.house.cache.library is not None
        self.runner.run(self.house.cache.library.exchange_news())

    def _ask(self, ask: Ask) -> None:
        kind = msgspec.structs.replace(OF_PRIVATE, classes=ask.kind.classes) if ask.key is NURSE else ask.kind
        # Without a header the body says whom it is for, so that both ways are the same person.
        person = ask.end_user or json.loads(ask.body).get("user") or ""
        model = self.models[ask.target.name]
        self.now = msgspec.structs.replace(ask, rule=self.rule, kind=kind, target=model, end_user=person)
        made = len(self.made_for)
        answer = self.runner.run(self._send(self.now))
        if answer.status != 200:
            return
        self.asked.append(ask)
        how = answer.headers.get("x-homeport-cache", "none")
        [told] = {int(number) for number in NUMBER.findall(answer.body)}
        assert (len(self.made_for) > made) is (how in ("miss", "none"))
        self._check(self.made_for[told], how)

    def _check(self, origin: Ask, how: str) -> None:
        if how == "hit":
            assert depends_on(origin) == depends_on(self.now)
        elif how == "semantic":
            here = depends_on_without_words(self.now)
            assert here is not None
            assert depends_on_without_words(origin) == here
        else:
            assert origin is self.now

    async def _send(self, ask: Ask) -> Caller:
        body = re.sub(rb'"model": "[a-z]+"', f'"model": "{ask.target.name}"'.encode(), ask.body, count=1)
        said = {"x-homeport-corpus": ask.corpus, "x-homeport-user": ask.end_user}
        said["x-homeport-data-class"] = "legal" if "legal" in ask.kind.classes else ""
        headers = [(name, value) for name, value in said.items() if value]
        return await self.house.ask(body, surface=ask.surface.value, token=f"hp-{ask.key.id}", headers=headers)


def test_nobody_is_told_what_was_made_for_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand schedules of requests through the whole gateway."""
    monkeypatch.setattr("homeport.bootstrap.cache.open_embedder", lambda *_: Alike())
    monkeypatch.setattr("homeport.bootstrap.cache.Verifier", Credulous)
    # Each gateway would make these anew, which takes longer than all that is asked of it.
    monkeypatch.setattr("homeport.api.app.document", lambda *_: b"{}")
    recognizers = load_recognizers(())
    monkeypatch.setattr("tests.fakes.house.load_recognizers", lambda _: recognizers)
    run_state_machine_as_test(Path, settings=settings(UNHURRIED, stateful_step_count=5))
