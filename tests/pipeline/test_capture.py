"""Which requests are kept whole, and what of them."""

import json
from typing import Any

import msgspec
import pytest

from homeport.config.privacy import PrivacySettings
from homeport.core.captured import Captured, CaptureRules
from homeport.core.errors import BadAnswer
from homeport.core.types import DataClass, Surface
from homeport.pipeline.capture import Capture
from homeport.protocols.answers.readings import readings
from tests.fakes.house import CHAT, EMBED, MID, OPEN, OWN, PRIVATE, PROMPT, STREAM, House
from tests.fakes.upstream import spoken, vectors, whole


def house(*targets: Any, rules: CaptureRules | None = None, **more: Any) -> tuple[House, list[Captured]]:
    kept: list[Captured] = []
    told = House(*targets, **more)
    for upstream in told.upstreams.values():
        upstream.script(whole())
    stage = Capture(rules or CaptureRules(), kept.append)
    told.pipeline._stages = msgspec.structs.replace(told.pipeline._stages, capture=stage)
    return told, kept


async def test_a_whole_answer_is_kept_with_what_was_asked() -> None:
    told, kept = house()
    await told.ask({**CHAT, "vendor": {"x": [1, 2]}})
    (one,) = kept
    assert json.loads(one.body) == {**CHAT, "vendor": {"x": [1, 2]}}
    assert (one.request_id, one.key_id, one.target) == (told.event.request_id, "key_open", "own")
    assert (one.surface, one.answered, one.stream, one.local) == (Surface.CHAT, Surface.CHAT, False, True)
    assert readings()[one.answered].whole(one.answer).text == "Clause 9."


async def test_a_stream_is_kept_as_it_was_told() -> None:
    told, kept = house()
    told.upstreams["own"].script(spoken("Clause", " 9."))
    await told.ask(STREAM)
    reading = readings()[kept[0].answered].growing()
    reading.feed(kept[0].answer)
    assert kept[0].stream
    assert reading.answer(whole=True).text == "Clause 9."


@pytest.mark.parametrize("asked", [{"token": PRIVATE}, {"body": EMBED, "surface": "embeddings"}])
async def test_what_is_private_and_what_is_no_conversation_is_left_out(asked: dict[str, Any]) -> None:
    told, kept = house()
    if "body" in asked:
        told.upstreams["own"].script(vectors())
    await told.ask(**asked)
    assert told.event.status == 200
    assert kept == []


async def test_what_is_private_is_kept_where_the_rules_say_so() -> None:
    told, kept = house(rules=CaptureRules(private=True))
    await told.ask(token=PRIVATE)
    assert [one.data_class for one in kept] == [DataClass.PRIVATE]


async def test_what_has_something_in_it_that_is_looked_for_is_left_out() -> None:
    looks = PrivacySettings.model_validate({"find": {"email": "local_only"}})
    told, kept = house(privacy=looks)
    await told.ask({**CHAT, "messages": [{"role": "user", "content": "Write to jane@clinic.example"}]})
    assert told.event.status == 200
    assert kept == []


async def test_what_its_caller_wants_forgotten_is_left_out() -> None:
    told, kept = house(rules=CaptureRules(private=True))
    await told.ask(headers=[("cache-control", "max-age=5, No-Store")])
    assert told.event.status == 200
    assert kept == []


async def test_a_replica_is_kept_by_the_name_of_its_engine() -> None:
    told, kept = house(msgspec.structs.replace(OWN, pool="own-pool"))
    await told.ask()
    assert kept[0].upstream == "own-pool"


async def test_only_the_projects_that_are_named() -> None:
    told, kept = house(rules=CaptureRules(projects=("acme",)))
    await told.ask()
    assert kept == []


@pytest.mark.parametrize(("project", "covered"), [("acme", True), ("acme/search", True), ("acmeworks", False)])
def test_a_project_covers_what_is_below_it(project: str, covered: bool) -> None:
    assert CaptureRules(projects=("acme",)).covers(project) is covered
    assert CaptureRules().covers(project)


async def test_what_is_too_long_is_not_kept() -> None:
    told, kept = house(rules=CaptureRules(most_bytes=len(PROMPT)))
    await told.ask()
    assert told.event.status == 200
    assert kept == []


async def test_what_nobody_answered_is_left_out() -> None:
    told, kept = house(MID)
    told.upstreams["mid"].script(BadAnswer("not an answer"))
    await told.ask()
    assert told.event.status == 502
    assert kept == []


async def test_nothing_is_kept_of_a_caller_without_a_key() -> None:
    told, kept = house(OWN)
    await told.ask(token=None)
    await told.ask(b"{", token=OPEN)
    assert kept == []


async def test_what_may_not_leave_home_as_it_is_is_hidden() -> None:
    redacts = PrivacySettings.model_validate({"find": {"email": "redact_and_restore"}})
    told, kept = house(rules=CaptureRules(private=True), privacy=redacts)
    await told.ask()
    await told.ask({**CHAT, "messages": [{"role": "user", "content": "Write to jane@clinic.example"}]})
    await told.ask(token=PRIVATE)
    assert [one.hidden for one in kept] == [False, True, True]
    assert [one.data_class for one in kept] == [DataClass.OPEN, DataClass.OPEN, DataClass.PRIVATE]
