"""A conversation that was private in one turn is private in all later ones, and nobody else's is."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.config.privacy import PrivacySettings
from homeport.core.types import Completion, Frame, Key
from tests.fakes.house import CHAT, MID, OPEN, OWN, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import USAGE, event, whole

PRIVATE = [("x-homeport-data-class", "private")]
GDPR = [("x-homeport-data-class", "gdpr")]
OTHER = "hp-other-token"
KEYS = FixedKeyRing({OPEN: Key(id="key_1", name="one"), OTHER: Key(id="key_2", name="two")})
RULES = PrivacySettings.model_validate(
    {
        "find": {"payment_card": "local_only"},
        "classes": {"gdpr": {"action": "redact_and_restore", "find": {"email": "redact_and_restore"}}},
    }
)
EMAIL = "ada@example.org"


def house(**more: Any) -> House:
    """The remote model is preferred, so whatever stays at home stays there for a reason."""
    here = House(MID, OWN, keys=KEYS, privacy=RULES, **more)
    for upstream in here.upstreams.values():
        upstream.script(whole("Yes."))
    return here


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def turns(*texts: str) -> dict[str, Any]:
    """A conversation, user and model by turns."""
    return {
        **CHAT,
        "messages": [
            user(text) if place % 2 == 0 else {"role": "assistant", "content": text} for place, text in enumerate(texts)
        ],
    }


async def test_what_was_said_in_private_stays_private() -> None:
    here = house()
    await here.ask(turns("My diagnosis is X."), headers=PRIVATE)
    await here.ask(turns("My diagnosis is X.", "Yes.", "What now?"))
    await here.ask(turns("My diagnosis is X.", "Yes.", "What now?", "Yes.", "And then?"))
    await here.ask(turns("Hello."))
    assert here.calls() == ["mid", "own", "own", "own"]
    assert [one.data_class for one in here.recorder.events] == ["private", "private", "private", "open"]


async def test_a_remote_model_is_not_told_of_it_by_name() -> None:
    here = house()
    await here.ask(turns("My diagnosis is X."), headers=PRIVATE)
    caller = await here.ask({**turns("My diagnosis is X.", "Yes.", "What now?"), "model": "mid"})
    assert (caller.status, caller.error["code"]) == (403, "private_model_is_remote")
    assert here.calls() == ["own"]


async def test_it_is_so_in_the_words_of_another_api() -> None:
    here = house()
    await here.ask(turns("My diagnosis is X."), headers=PRIVATE)
    later = turns("My diagnosis is X.", "Yes.", "What now?")["messages"]
    await here.ask({"model": "auto", "max_tokens": 9, "messages": later}, surface="messages")
    await here.ask({"model": "auto", "input": later}, surface="responses")
    assert here.calls() == ["own", "own", "own"]


async def test_it_is_so_when_the_finding_is_gone() -> None:
    here = house()
    await here.ask(turns("Pay with 4111 1111 1111 1111.", "Yes.", "Done?"))
    later = turns("Pay with 4111 1111 1111 1111.", "Yes.", "Done?", "Yes.", "Thanks.")
    here.privacy.classes.__init__(PrivacySettings())  # type: ignore[misc]  # the configuration changes meanwhile
    await here.ask(later)
    assert here.calls() == ["own", "own"]


async def test_nobody_elses_conversation_is_private_by_that() -> None:
    here = house()
    await here.ask(turns("Hello."), headers=PRIVATE)
    await here.ask(turns("Hello.", "Yes.", "More."), token=OTHER)
    assert sorted(here.calls()) == ["mid", "own"]


async def test_tokens_of_it_are_not_counted_elsewhere() -> None:
    class Counter:
        calls = 0

        async def count_tokens(self, call: Any) -> int:
            self.calls += 1
            return 7

    counter = Counter()
    here = house(counters={"mid": counter})
    await here.ask(turns("My diagnosis is X."), headers=PRIVATE)
    body = {"model": "auto", "messages": turns("My diagnosis is X.", "Yes.", "What now?")["messages"]}
    assert (await here.ask(body, surface="messages/count_tokens")).status == 200
    assert counter.calls == 0
    await here.ask({**body, "messages": [user("Hello.")]}, surface="messages/count_tokens")
    assert counter.calls == 1


async def test_what_was_redacted_once_is_redacted_on() -> None:
    here = house()
    await here.ask(turns(f"Mail {EMAIL}."), headers=GDPR)
    await here.ask(turns(f"Mail {EMAIL}.", "Yes.", f"Again, to {EMAIL}."))
    assert here.calls() == ["mid", "mid"]
    told = json.dumps([json.loads(bytes(call.fields["messages"])) for call in here.upstreams["mid"].calls])
    assert EMAIL not in told
    assert told.count("[EMAIL_1]") == 3


CARD = "4111 1111 1111 1111"
LOOKS = {"action": "allow", "find": {"email": "redact_and_restore"}}
REDACTS = PrivacySettings.model_validate(
    {
        "find": {"payment_card": "redact_and_restore"},
        "classes": {"gdpr": {**LOOKS, "action": "redact_and_restore"}, "looks": LOOKS},
    }
)


@pytest.mark.parametrize("of_header", ["gdpr", "looks"])
@pytest.mark.parametrize("first", [f"Mail {EMAIL}.", f"Mail {EMAIL} of {CARD}."])
@pytest.mark.parametrize("then", ["Go on.", f"It is {CARD}."])
async def test_what_a_header_had_looked_for_is_redacted_on(of_header: str, first: str, then: str) -> None:
    here = House(MID, OWN, keys=KEYS, privacy=REDACTS)
    here.upstreams["mid"].script(whole("Yes."))
    await here.ask(turns(first), headers=[("x-homeport-data-class", of_header)])
    await here.ask(turns(first, "Yes.", then))
    told = [json.loads(bytes(call.fields["messages"])) for call in here.upstreams["mid"].calls]
    assert len(told) == 2
    assert EMAIL not in json.dumps(told)
    assert CARD not in json.dumps(told)
    assert told[1][:1] == told[0]


async def test_the_strictest_sticks() -> None:
    here = house()
    await here.ask(turns(f"Mail {EMAIL}."), headers=GDPR)
    await here.ask(turns(f"Mail {EMAIL}.", "Yes.", "My diagnosis is X."), headers=PRIVATE)
    await here.ask(turns(f"Mail {EMAIL}.", "Yes.", "My diagnosis is X.", "Yes.", "Go on."), headers=GDPR)
    assert here.calls() == ["mid", "own", "own"]


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_that_is_gone_on_from_by_its_id(streams: bool) -> None:
    here = house()
    told = {"type": "response.created", "response": {"id": "resp_7", "output": []}, "sequence_number": 0}
    body = b'{"id":"resp_7","output":[]}'
    done = {"type": "response.completed", "response": {"id": "resp_7", "output": []}, "sequence_number": 1}
    frames = [Frame(data=event(told), events=1), Frame(data=event(done), closing=True, usage=USAGE)]
    here.upstreams["own"].script(frames if streams else Completion(body=body, usage=USAGE))
    first = {"model": "auto", "input": "My diagnosis is X.", "stream": streams}
    assert (await here.ask(first, surface="responses", headers=PRIVATE)).status == 200
    here.upstreams["own"].script(whole("{}"))
    await here.ask({"model": "auto", "input": "Go on.", "previous_response_id": "resp_7"}, surface="responses")
    await here.ask({"model": "auto", "input": "Go on.", "previous_response_id": "resp_8"}, surface="responses")
    assert here.calls() == ["mid", "own", "own"]


async def test_a_conversation_with_a_name() -> None:
    here = house()
    asked = {"model": "auto", "conversation": "conv_1"}
    await here.ask({**asked, "input": "My diagnosis is X."}, surface="responses", headers=PRIVATE)
    await here.ask({**asked, "input": "Something else."}, surface="responses")
    assert here.calls() == ["own", "own"]


async def test_where_nobody_knows_it_is_not_answered() -> None:
    here = house()
    here.taints.broken = True
    caller = await here.ask(turns("Hello."))
    assert (caller.status, caller.error["code"]) == (503, "taints_unusable")
    assert here.calls() == []


async def test_what_cannot_be_kept_is_not_answered() -> None:
    here = house()
    here.taints.full = True
    caller = await here.ask(turns("My diagnosis is X."), headers=PRIVATE)
    assert (caller.status, caller.error["code"]) == (503, "taints_unusable")
    assert here.calls() == []
    assert (await here.ask(turns("Hello."))).status == 200


async def test_an_answer_whose_id_cannot_be_kept_is_not_given() -> None:
    here = house()
    here.upstreams["own"].script(Completion(body=b'{"id":"resp_7","output":[]}', usage=USAGE))

    def fill() -> None:
        here.taints.full = True

    here.upstreams["own"].working = fill
    caller = await here.ask({"model": "auto", "input": "X."}, surface="responses", headers=PRIVATE)
    assert (caller.status, caller.error["code"]) == (503, "taints_unusable")
    assert b"resp_7" not in caller.body


WAYS = st.sampled_from(["open", "private", "gdpr", "found"])


@given(
    st.lists(st.tuples(WAYS, st.booleans(), st.sampled_from(["chat/completions", "messages", "responses"])), max_size=5)
)
@settings(max_examples=60, deadline=None)
def test_however_a_conversation_goes_on(turns_taken: list[tuple[str, bool, str]]) -> None:
    here = house()
    history: list[Any] = []
    private = False
    for number, (way, pinned, surface) in enumerate(turns_taken):
        text = "card 4111 1111 1111 1111" if way == "found" else f"turn {number} for {EMAIL}"
        history.append(user(text))
        body: dict[str, Any] = {"model": "mid" if pinned else "auto", "max_tokens": 9}
        body |= {"input": history} if surface == "responses" else {"messages": history}
        private = private or way in ("private", "found")
        before = len(here.upstreams["mid"].calls)
        header = [("x-homeport-data-class", way)] if way in ("private", "gdpr") else []
        caller = asyncio.run(here.ask(body, surface=surface, headers=header))
        assert len(here.upstreams["mid"].calls) - before == (not private)
        assert caller.status == (403 if private and pinned else 200)
        history.append({"role": "assistant", "content": "Yes."})
