"""The whole program: a partition that is fed wrong answers on purpose switches itself off, and somebody is told."""

import asyncio
import json
from pathlib import Path

import pytest

from homeport.sim.answer_key import Row
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from tests.e2e.program import Program
from tests.fakes.webhook_server import SECRET, WebhookServer

pytestmark = pytest.mark.slow

THINGS = (
    "password", "address", "invoice", "email", "phone number", "delivery date", "payment card", "user name",
    "language", "time zone", "profile picture", "plan", "signature", "newsletter", "team name", "currency",
)  # fmt: skip
POISONED, SOUND = "You work for the bank.", "You work for the shop."
BUDGET = 2.0


def asked(thing: str) -> tuple[str, str]:
    """One question in two ways, which the verifier takes for the same."""
    return f"How do I change my {thing}?", f"Hello, how can I change my {thing} please?"


def rows() -> tuple[Row, ...]:
    """Of the shop both ways have one answer; of the bank the second has another."""
    answers = []
    for place, thing in enumerate(THINGS):
        plain, kind = asked(thing)
        answers += [Row(plain, f"Open page {place + 1} and choose {thing}."), Row(kind, f"Call {place + 900} instead.")]
        answers += [Row(f"{one} Shop.", f"Ask the cashier about your {thing}.") for one in (plain, kind)]
    return tuple(answers)


def configuration(sim: str, webhook: str) -> str:
    return json.dumps(
        {
            "providers": {"sim": {"provider": "openai_compatible", "base_url": f"{sim}/v1"}},
            "tiers": [{"name": "far", "targets": [{"model": "m", "provider": "sim", "price": "openai:gpt-4.1"}]}],
            "alerts": {"webhooks": [{"name": "ops", "url": webhook, "secret": SECRET}]},
            "cache": {"semantic": "balanced", "wrong_percent": BUDGET, "check_percent": 2},
        }
    )


class Caller:
    def __init__(self, program: Program) -> None:
        self._program = program

    async def ask(self, text: str, system: str) -> tuple[str, str]:
        """How the cache answered, and what."""
        turns = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        status, headers, body = await asyncio.to_thread(
            self._program.post, "/chat/completions", {"model": "m", "messages": turns, "temperature": 0}
        )
        assert status == 200, body
        return headers["x-homeport-cache"], json.loads(body)["choices"][0]["message"]["content"]


async def test_a_partition_that_is_fed_wrong_answers_switches_itself_off(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    program.home.mkdir()
    caller = Caller(program)
    async with WebhookServer() as webhook, SimServer(Settings(answers=rows())) as sim:
        (program.home / "homeport.yaml").write_text(configuration(sim.url, webhook.url))
        await asyncio.to_thread(program.start)
        try:
            wrong = served = 0
            for thing in THINGS:
                plain, kind = asked(thing)
                assert (await caller.ask(plain, POISONED))[0] == "miss"
                how, told = await caller.ask(kind, POISONED)
                served += how == "semantic"
                wrong += how == "semantic" and not told.startswith("Call")
                await caller.ask(f"{plain} Shop.", SOUND)
                assert (await caller.ask(f"{kind} Shop.", SOUND))[0] == "semantic", "another partition goes on"
            print(f"{wrong} wrong answers were given until it was off, in {2 * len(THINGS)} requests to the partition")
            assert wrong == served
            assert 2 <= wrong <= 6, "two are counted wrong, and as many again may be given while those are checked"
            await program.eventually(lambda: len(webhook.received) > 0)
            alert = webhook.received[0]
            assert alert["type"] == "cache.switched_off"
            assert alert["data"]["wrong"] >= 2
            assert alert["data"]["bound"] > alert["data"]["budget"] == BUDGET
            plain, kind = asked(THINGS[-1])
            assert (await caller.ask(plain, POISONED))[0] == "hit", "the very same request is answered"
            assert b'homeport_cache_errands_total{kind="check",result="switched_off"} 1.0' in program.get("/metrics")[1]
            await asyncio.to_thread(program.stop)

            await asyncio.to_thread(program.start)
            how, _ = await caller.ask(f"Hi, {plain}", POISONED)
            assert how == "miss", "it stays off"
            path = f"/admin/v1/cache/partitions/{alert['data']['partition']}/resume"
            bearer = {"authorization": f"Bearer {(program.home / 'admin.key').read_text().strip()}"}
            status, _, body = await asyncio.to_thread(program.post_raw, path, bearer)
            assert status == 200, body
            found = []
            for greeting in ("Um, ", "Hey, ", "Please, ", "Hello, ", "Good morning, ", "Thanks, "):
                await asyncio.sleep(0.5)  # each gateway hears of it within about a second
                found.append((await caller.ask(greeting + plain, POISONED))[0])
            assert "semantic" in found
            assert len(webhook.received) == 1
        finally:
            await asyncio.to_thread(program.stop)
