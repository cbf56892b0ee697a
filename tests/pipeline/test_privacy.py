"""What is found in a request decides where it may go, whichever way it came in, and a detector that fails closes."""

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.config.privacy import PrivacySettings
from homeport.core.privacy import Action
from homeport.core.types import DataClass, Key
from homeport.privacy.recognize import Recognizers
from homeport.privacy.recognizers.base import RecognizerModule, Span
from tests.fakes.house import CHAT, MID, OPEN, OWN, House, privacy_stage
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import spoken, vectors, whole

CARD = "4111 1111 1111 1111"
KEEP = PrivacySettings.model_validate({"find": {"payment_card": "local_only"}})
REFUSE = PrivacySettings.model_validate({"find": {"payment_card": "block"}})
CLASSES = PrivacySettings.model_validate(
    {
        "classes": {"hipaa": {"find": {"us_ssn": "block"}}, "lax": {"action": "allow"}},
        "projects": {"acme/clinic": "hipaa"},
    }
)
SAYS_CARD: dict[str, Any] = {**CHAT, "messages": [{"role": "user", "content": f"My card is {CARD}."}]}


def house(privacy: PrivacySettings, *, remote_first: bool = True, keys: FixedKeyRing | None = None) -> House:
    made = House(*((MID, OWN) if remote_first else (OWN, MID)), privacy=privacy, keys=keys)
    for upstream in made.upstreams.values():
        upstream.script(whole())
    return made


async def test_a_request_with_a_finding_stays_at_home() -> None:
    here = house(KEEP)
    caller = await here.ask(SAYS_CARD)
    assert (caller.status, here.calls()) == (200, ["own"])
    assert here.event.data_class == "private"


async def test_one_without_goes_where_the_policy_says() -> None:
    here = house(KEEP)
    assert (await here.ask()).status == 200
    assert (here.calls(), here.event.data_class) == (["mid"], "open")


async def test_a_remote_model_is_not_told_of_it() -> None:
    here = house(KEEP)
    caller = await here.ask({**SAYS_CARD, "model": "mid"})
    assert (caller.status, caller.error["code"], here.calls()) == (403, "private_model_is_remote", [])


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("chat/completions", SAYS_CARD),
        ("chat/completions", {**SAYS_CARD, "stream": True}),
        ("completions", {"model": "auto", "prompt": CARD}),
        ("embeddings", {"model": "auto", "input": [CARD]}),
        ("responses", {"model": "auto", "input": CARD}),
        ("messages", {"model": "auto", "max_tokens": 9, "messages": SAYS_CARD["messages"]}),
        ("rerank", {"model": "auto", "query": "x", "documents": [CARD]}),
        ("moderations", {"model": "auto", "input": CARD}),
        ("chat/completions", {**CHAT, "metadata": {"x": CARD}}),
        ("chat/completions", {**CHAT, "never_heard_of": [{"y": CARD}]}),
    ],
)
async def test_every_way_in_is_looked_at(surface: str, body: dict[str, Any]) -> None:
    here = house(REFUSE)
    caller = await here.ask(body, surface=surface)
    assert (caller.status, here.calls()) == (403, [])
    assert here.event.error == "content_blocked"
    kept = house(KEEP)
    for upstream in kept.upstreams.values():
        upstream.script(vectors() if surface == "embeddings" else spoken("x") if body.get("stream") else whole())
    await kept.ask(body, surface=surface)
    assert "mid" not in kept.calls()


async def test_a_refusal_names_what_was_found_and_not_its_text() -> None:
    caller = await house(REFUSE).ask(SAYS_CARD)
    assert caller.error["code"] == "content_blocked"
    assert "payment_card" in caller.error["message"]
    assert CARD not in repr(caller.error)


class Counter:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def count_tokens(self, call: Any) -> int:
        self.calls.append(call)
        return 7


@pytest.mark.parametrize(("settings", "status"), [(KEEP, 200), (REFUSE, 403)])
async def test_tokens_are_not_counted_elsewhere(settings: PrivacySettings, status: int) -> None:
    counter = Counter()
    here = House(MID, OWN, privacy=settings, counters={"mid": counter})
    body = {"model": "auto", "messages": SAYS_CARD["messages"]}
    assert (await here.ask(body, surface="messages/count_tokens")).status == status
    assert counter.calls == []
    assert (await here.ask({**body, "messages": CHAT["messages"]}, surface="messages/count_tokens")).status == 200
    assert len(counter.calls) == 1


@pytest.mark.parametrize(
    ("key", "header", "where"),
    [
        (Key(id="k", name="k"), None, "mid"),
        (Key(id="k", name="k", data_class="lax"), None, "mid"),
        (Key(id="k", name="k", data_class="lax"), "hipaa", "own"),
        (Key(id="k", name="k", data_class="hipaa"), "open", "own"),
        (Key(id="k", name="k", data_class="was_removed"), "open", "own"),
        (Key(id="k", name="k", project="acme/clinic/ward"), "open", "own"),
        (Key(id="k", name="k", project="acme"), None, "mid"),
    ],
)
async def test_classes_of_key_project_and_header(key: Key, header: str | None, where: str) -> None:
    here = house(CLASSES, keys=FixedKeyRing({OPEN: key}))
    headers = [("x-homeport-data-class", header)] if header else []
    assert (await here.ask(headers=headers)).status == 200
    assert here.calls() == [where]


async def test_a_class_has_rules_of_its_own() -> None:
    says_ssn = {**CHAT, "messages": [{"role": "user", "content": "SSN 078-05-1120"}]}
    here = house(CLASSES)
    assert (await here.ask(says_ssn)).status == 200
    assert (await here.ask(says_ssn, headers=[("x-homeport-data-class", "hipaa")])).status == 403
    assert here.calls() == ["mid"]


def failing(error: Exception) -> Recognizers:
    def fail() -> Span:
        raise error

    def find(_: str) -> Iterator[Span]:
        yield fail()

    return Recognizers({"payment_card": cast(RecognizerModule, SimpleNamespace(find=find))})


async def test_a_detector_that_fails_closes(caplog: pytest.LogCaptureFixture) -> None:
    here = house(KEEP)
    here.privacy._classifier = privacy_stage(KEEP, here.clock, failing(RuntimeError(CARD)))._classifier
    with caplog.at_level(logging.ERROR):
        caller = await here.ask(SAYS_CARD)
    assert (caller.status, here.calls(), here.event.data_class) == (200, ["own"], "private")
    assert "it is not known what a request holds" in caplog.text
    assert CARD not in caplog.text


async def test_a_body_that_cannot_be_read_whole_stays_at_home() -> None:
    here = house(KEEP)
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "4111 1111 1111 1111", "content": "x"}]}'
    await here.ask(body)
    assert "mid" not in here.calls()


async def test_a_new_configuration_changes_the_next_request_and_not_the_one_in_flight() -> None:
    strict, lax = house(KEEP), house(PrivacySettings())
    waiting = asyncio.Event()
    examined = strict.privacy.assess

    async def assess_slowly(exchange: Any) -> None:
        await examined(exchange)
        waiting.set()
        await asyncio.sleep(0.01)

    strict.privacy.assess = assess_slowly  # type: ignore[method-assign]  # a slow one, for this stage alone
    asking = asyncio.create_task(strict.ask(SAYS_CARD))
    await waiting.wait()
    strict.app.adopt(pipeline=lax.pipeline, catalogue=lax.catalogue, max_body=100_000, families=())
    assert (await asking).status == 200
    assert (strict.calls(), lax.calls()) == (["own"], [])
    assert (await strict.ask(SAYS_CARD)).status == 200
    assert lax.calls() == ["mid"]


@given(
    data_class=st.sampled_from(["open", "private", "hipaa", "lax", "gone"]),
    project=st.sampled_from(["default", "acme/clinic", "acme/clinic/x"]),
    header=st.sampled_from([None, "open", "private", "hipaa", "lax", "?"]),
    find=st.dictionaries(st.sampled_from(["payment_card", "email"]), st.sampled_from(Action)),
    content=st.sampled_from(["hello", CARD, "a@example.org", f"{CARD} a@example.org"]),
    model=st.sampled_from(["auto", "mid", "own"]),
    remote_first=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_nothing_that_may_not_leave_leaves(
    data_class: str,
    project: str,
    header: str | None,
    find: dict[str, Action],
    content: str,
    model: str,
    remote_first: bool,
) -> None:
    settings = CLASSES.model_copy(update={"find": find})
    key = Key(id="k", name="k", data_class=data_class, project=project)
    here = house(settings, remote_first=remote_first, keys=FixedKeyRing({OPEN: key}))
    headers = [("x-homeport-data-class", header)] if header else []
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    asyncio.run(here.ask(body, headers=headers))
    found = {"payment_card": CARD in content, "email": "@" in content}
    kept = [name for name, action in find.items() if found[name] and action is not Action.ALLOW]
    closed = any(find[name] is not Action.REDACT_AND_RESTORE for name in kept)
    closed = closed or data_class in ("private", "hipaa", "gone") or project != "default"
    closed = closed or header in ("private", "hipaa", "?")
    assert not (closed and "mid" in here.calls())
    left = b"".join(bytes(raw) for call in here.upstreams["mid"].calls for raw in call.fields.values()).decode()
    assert not any({"payment_card": CARD, "email": "a@example.org"}[name] in left for name in kept)
    assert here.event.data_class in tuple(DataClass)
    if any(found[name] and action is Action.BLOCK for name, action in find.items()):
        assert here.calls() == []
