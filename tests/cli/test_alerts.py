"""`homeport alerts`: a test that arrives, one that does not, and sending again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program
from tests.fakes.webhook_server import SECRET, WebhookServer

CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: m, provider: p}]}
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(tmp_path / "home")
    program.home.mkdir()
    (program.home / "homeport.yaml").write_text(CONFIG)
    return program


def tell(program: Program, **urls: str) -> None:
    webhooks = [{"name": name, "url": url, "secret": SECRET, "kinds": ["loop.stopped"]} for name, url in urls.items()]
    (program.home / "homeport.yaml").write_text(CONFIG + f"alerts: {json.dumps({'webhooks': webhooks})}\n")


async def ask(program: Program, *arguments: str) -> tuple[int, Any, str]:
    done = await asyncio.to_thread(program.execute, "alerts", *arguments, "--json")
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


async def test_a_test_arrives_whatever_else_is_wanted(program: Program) -> None:
    async with WebhookServer() as server, WebhookServer(500) as broken:
        tell(program, ops=server.url, chat=broken.url)
        code, told, _ = await ask(program, "test", "--to", "ops")
        assert (code, [one["state"] for one in told["deliveries"]]) == (0, ["delivered"])
        assert server.received[0]["type"] == "alerts.tested"
        code, told, _ = await ask(program, "test")
        assert code == 1
        assert {one["webhook"]: one["state"] for one in told["deliveries"]} == {"ops": "delivered", "chat": "waiting"}
        code, again, _ = await ask(program, "resend", told["id"], "--to", "chat")
        assert (code, again["deliveries"][0]["state"], broken.ids[0]) == (0, "delivered", told["id"])
    code, listed, _ = await ask(program, "list")
    assert (code, [alert["kind"] for alert in listed]) == (0, ["alerts.tested"] * 2)
    shown = await asyncio.to_thread(program.run, "alerts", "list")
    assert "delivered" in shown


async def test_what_cannot_be_asked(program: Program) -> None:
    code, _, error = await ask(program, "test")
    assert (code, "webhook_missing" in error) == (2, True)
    assert (await ask(program, "list"))[1] == []
    tell(program, ops="http://127.0.0.1:1/hook")
    for arguments, expected in (
        (("test", "--to", "nobody"), "webhook_unknown"),
        (("resend", "alr_none"), "alert_unknown"),
        (("resend", "' OR 1=1"), "alert_unknown"),
        (("list", "--limit", "0"), "Invalid"),
    ):
        code, _, error = await ask(program, *arguments)
        assert code in (1, 2), arguments
        assert expected in error
        assert "Traceback" not in error
