"""`homeport alerts`: a test that arrives, one that does not, and sending again."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.terminal import Said, Terminal
from tests.fakes.webhook_server import SECRET, WebhookServer


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def tell(terminal: Terminal, **urls: str) -> None:
    webhooks = [{"name": name, "url": url, "secret": SECRET, "kinds": ["loop.stopped"]} for name, url in urls.items()]
    terminal.configure(f"alerts: {json.dumps({'webhooks': webhooks})}\n")


async def ask(terminal: Terminal, *arguments: str) -> Said:
    """In a thread, for the receiver is in this one."""
    return await asyncio.to_thread(terminal.ask, "alerts", *arguments, "--json")


async def test_a_test_arrives_whatever_else_is_wanted(terminal: Terminal) -> None:
    async with WebhookServer() as server, WebhookServer(500) as broken:
        tell(terminal, ops=server.url, chat=broken.url)
        only = await ask(terminal, "test", "--to", "ops")
        assert (only.exit_code, [one["state"] for one in only.json["deliveries"]]) == (0, ["delivered"])
        assert (server.received[0]["type"], broken.ids) == ("alerts.tested", [])
        both = await ask(terminal, "test")
        states = {one["webhook"]: one["state"] for one in both.json["deliveries"]}
        assert (both.exit_code, states) == (1, {"ops": "delivered", "chat": "waiting"})
        again = await ask(terminal, "resend", both.json["id"], "--to", "chat")
        assert (again.exit_code, again.json["deliveries"][0]["state"]) == (0, "delivered")
        assert broken.ids == [both.json["id"]] * 2
    listed = await ask(terminal, "list")
    assert [alert["kind"] for alert in listed.json] == ["alerts.tested"] * 2
    assert "delivered" in terminal.run("alerts", "list")


async def test_what_cannot_be_asked(terminal: Terminal) -> None:
    assert (await ask(terminal, "test")).code == "webhook_missing"
    assert (await ask(terminal, "list")).json == []
    tell(terminal, ops="http://127.0.0.1:1/hook")
    for arguments, code in (
        (("test", "--to", "nobody"), "webhook_unknown"),
        (("resend", "alr_none"), "alert_unknown"),
        (("resend", "' OR 1=1"), "alert_unknown"),
        (("list", "--limit", "0"), "usage"),
    ):
        assert (await ask(terminal, *arguments)).code == code, arguments
