"""Secrets are in no page, log, span, error, export, output of a command, metric, audit row or alert: each has a canary.

They are put where secrets are held, and then everything that the program tells is searched for them. That they are used
is shown by the other side, which gets them: a canary that is nowhere would prove nothing.
"""

import base64
import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import format_exception
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from typer.testing import CliRunner

from homeport.cli.commands import app
from homeport.cli.context import Context
from homeport.console.access import LEAST
from tests.e2e.program import Program
from tests.fakes.listener import Listener, listening

pytestmark = pytest.mark.slow

SIGNING = "whsec_" + base64.b64encode(b"canary-signing-secret-0001").decode()
SECRETS = {
    "provider's key": "sk-canary-provider-41d0",
    "OpenID client's secret": "canary/oidc+secret=52",
    "webhook's token": "canary-hook-token-6b1e",
    "Slack's token": "T0/B0/canaryslack7c90",
    "signing secret": SIGNING,
    "routing key": "canaryroutingkey0000000000000831",
    "Alertmanager's token": "canary-bearer-9e",
    "collector's key": "canary-otlp-header-a2",
    "proxy's password": "canary-proxy-password-b7",
}
CALLERS = {
    "key that is none": "hp-canary0-notakeyofours",
    "password": "canary correct horse",
    "wrong password": "canary wrong horse",
}
CONFIG = """\
providers:
  far: {provider: openai_compatible, base_url: "URL/v1", api_key: "provider's key"}
  near: {provider: simulated, options: {latency_ms: 0, tokens_per_second: 0}}
tiers:
  - {name: near, targets: [{model: small, provider: near, price: "openai:gpt-4.1-mini"}]}
  - {name: far, targets: [{model: big, provider: far, price: "openai:gpt-4.1"}]}
capture: {enabled: true}
console:
  oidc: {issuer: "URL", client_id: homeport, client_secret: "OpenID client's secret", default_role: viewer}
alerts:
  webhooks:
    - {name: ops, url: "URL/hook/webhook's token", secret: "signing secret"}
    - {name: chat, url: "URL/services/Slack's token", shape: slack}
    - {name: pager, url: "URL/pager", shape: pagerduty, secret: "routing key"}
    - {name: manager, url: "URL/manager", shape: alertmanager, secret: "Alertmanager's token"}
telemetry:
  export: {endpoint: "URL", headers: {x-collector-key: "collector's key"}}
  traces: {enabled: true, content: true}
  metrics: {enabled: true}
"""
PROXY = "proxy's password"
OWN = {"homeport.yaml", "local.key", "pepper.key", "console.password"}
"""Files that hold a secret because they are where it is kept; only their owner can read them."""


class House:
    """A program with canaries, and all that it said."""

    def __init__(self, home: Path, listener: Listener) -> None:
        home.mkdir(mode=0o700)
        config = CONFIG.replace("URL", listener.url)
        for name, secret in SECRETS.items():
            config = config.replace(name, secret)
        (home / "homeport.yaml").write_text(config)
        self.program = Program(home, {"HTTPS_PROXY": f"http://u:{SECRETS[PROXY]}@127.0.0.1:1"})
        self.listener = listener
        self.secrets = {**SECRETS, **CALLERS}
        self.said: dict[str, bytes] = {}
        self.cookie = ""

    def call(self, method: str, path: str, *, body: str = "", **headers: str) -> tuple[int, bytes]:
        """Anything of the program; whatever it says is kept to be searched."""
        connection = http.client.HTTPConnection("127.0.0.1", self.program.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, sent)
        answer = connection.getresponse()
        kept = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() != "set-cookie"]
        if cookie := answer.getheader("set-cookie"):
            self.cookie = cookie.partition(";")[0]
        data = b"" if "event-stream" in (answer.getheader("content-type") or "") else answer.read()
        connection.close()
        self.said[f"{len(self.said)} {method} {path}"] = "\n".join(kept).encode() + data
        return answer.status, data

    def page(self, path: str) -> bytes:
        status, data = self.call("GET", path, cookie=self.cookie)
        assert status in (200, 303, 401, 404, 502), (path, status, data)
        return data

    def form(self, path: str, **fields: str) -> tuple[int, bytes]:
        found = re.search(rb'name="csrf" value="([0-9a-f]{64})"', self.page("/console/sign-in"))
        assert found is not None
        body = urlencode({"csrf": found[1].decode(), **fields})
        origin = f"http://127.0.0.1:{self.program.port}"
        return self.call("POST", path, body=body, cookie=self.cookie, origin=origin)

    def sign_in(self, name: str, password: str) -> None:
        assert self.form("/console/sign-in", name=name, password=CALLERS["wrong password"])[0] == 401
        assert self.form("/console/sign-in", name=name, password=password)[0] == 303
        self.secrets["session"] = self.cookie.partition("=")[2]

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end, self.program.output()
            time.sleep(0.2)

    def command(self, *arguments: str) -> str:
        """A command in this process, since a new one takes seconds to start."""
        said = typed(self.program, *arguments)
        self.said[f"{len(self.said)} homeport {' '.join(arguments)}"] = said.encode()
        return said

    def chat(self, model: str, **headers: str) -> int:
        asked = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Where?"}]}
        return self.call("POST", "/v1/chat/completions", body=json.dumps(asked), **headers)[0]

    def leaks(self) -> list[str]:
        """Where a canary is that nobody but its owner should see, as it is or as it is written elsewhere."""
        return [
            f"{name} in {place}"
            for place, data in self.said.items()
            for name, secret in self.secrets.items()
            if any(form in data for form in forms(secret))
        ]

    def read_files(self) -> None:
        for path in self.program.home.rglob("*"):
            if path.is_file() and path.name not in OWN:
                self.said[f"file {path.relative_to(self.program.home)}"] = path.read_bytes()
        self.said["output"] = self.program.output().encode()


def typed(program: Program, *arguments: str) -> str:
    """What a command says, its traceback included where it fails."""
    environment = {"HOMEPORT_HOME": str(program.home), "HOMEPORT_PORT": str(program.port)}
    result = CliRunner().invoke(app, arguments, obj=Context(), env=environment)
    error = result.exception
    failed = "" if error is None or isinstance(error, SystemExit) else "".join(format_exception(error))
    return f"{result.output}{failed}"


def forms(secret: str) -> list[bytes]:
    """A secret as it is, as URLs, HTML and JSON have it, and in base64 at each of its three offsets."""
    whole = [secret, quote(secret, safe=""), quote(secret), secret.replace("'", "&#39;"), json.dumps(secret)[1:-1]]
    shifted = [base64.b64encode(b"x" * shift + secret.encode())[4 if shift else 0 : -8] for shift in range(3)]
    return [*(text.encode() for text in whole), *shifted]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with listening() as listener:
        opened = House(tmp_path_factory.mktemp("secrets") / "home", listener)
        opened.program.start()
        opened.secrets["admin's first password"] = (opened.program.home / "console.password").read_text().strip()
        opened.secrets["local key"] = opened.program.key
        yield opened
        assert opened.program.stop() == 0


def traffic(house: House) -> None:
    """Requests that are answered, refused by the upstream, and by us."""
    made = json.loads(typed(house.program, "keys", "create", "caller", "--json"))
    house.secrets["caller's key"] = made["key"]
    bearer = {"authorization": f"Bearer {made['key']}"}
    house.until(lambda: house.chat("small", **bearer) == 200)
    assert house.chat("big", **bearer) == 200
    house.listener.refuse = True
    assert house.chat("big", **bearer) >= 400
    house.listener.refuse = False
    wrong = CALLERS["key that is none"]
    for headers in ({"authorization": f"Bearer {wrong}"}, {"x_api_key": wrong}, {"authorization": f"Basic {wrong}"}):
        assert house.chat("small", **headers) == 401
    house.call("GET", f"/v1/models?key={wrong}&access_token={wrong}")
    house.call("GET", f"/admin/v1/{quote(wrong)}", authorization=f"Bearer {wrong}")
    house.command("keys", "revoke", made["id"])
    house.command("alerts", "test")


def look_everywhere(house: House) -> None:
    admin = json.loads(typed(house.program, "keys", "create", "boss", "--scope", "admin", "--json"))
    house.secrets["admin's key"] = admin["key"]
    bearer = {"authorization": f"Bearer {admin['key']}"}
    house.until(lambda: house.call("GET", "/admin/v1/keys", **bearer)[0] == 200)
    _, listed = house.call("GET", "/admin/v1/requests", **bearer)
    requests = [one["id"] for one in json.loads(listed)["data"]]
    assert len(requests) >= 3
    for path in ("config", "keys", "budgets", "targets", "alerts", "usage", "cache", "holders", f"keys/{admin['id']}"):
        house.call("GET", f"/admin/v1/{path}", **bearer)
    for path in ("", "/search?text=where", "/export", "/export?content=true", *(f"/{one}" for one in requests)):
        assert house.call("GET", f"/admin/v1/requests{path}", **bearer)[0] == 200
    for path in ("/metrics", "/readyz", "/livez", "/openapi.json", "/metrics/engines", "/v1/models"):
        house.call("GET", path, **bearer)
    for route in LEAST:
        method, _, path = route.partition(" ")
        if method == "GET" and "{name}" not in path and not path.endswith("/tail"):
            for one in requests if "{id}" in path else [""]:
                house.page(path.replace("{id}", one))
    for copy in ("groups", "csv", "focus"):
        house.page(f"/console/costs/export?format={copy}")
    house.page(f"/console/oidc/callback?state={CALLERS['key that is none'][:3]}&code=x")


def reconfigure(house: House) -> None:
    """Other secrets, first in a file that cannot be read; both are told of in errors, logs and the audit log."""
    boss = json.loads(typed(house.program, "keys", "create", "second", "--scope", "admin", "--json"))
    bearer = {"authorization": f"Bearer {boss['key']}"}
    house.until(lambda: house.call("GET", "/admin/v1/keys", **bearer)[0] == 200)
    path, renewed = house.program.home / "homeport.yaml", "sk-canary-renewed-77"
    house.secrets |= {"boss's key": boss["key"], "renewed key": renewed}
    text = path.read_text()
    for broken in (f'"{renewed}', f"[{renewed}]", f"{renewed}: x"):
        path.write_text(text.replace(json.dumps(SECRETS["provider's key"]), broken))
        assert house.call("POST", "/admin/v1/reload", **bearer)[0] == 422
    path.write_text(text.replace(SECRETS["provider's key"], renewed).replace(SECRETS["webhook's token"], renewed))
    assert house.call("POST", "/admin/v1/reload", **bearer)[0] == 200


COMMANDS = [
    "check", "check --json", "status", "status --json", "keys list", "keys list --json", "users list --json",
    "audit list", "audit list --json", "audit verify", "alerts list", "alerts list --json", "trace list",
    "trace search where", "cost", "cost --json", "budget list", "cache stats --json", "hub list",
    "package list --json", "ledger export --out OUT/ledger.csv", "trace export --content --out OUT/trace.jsonl",
    "telemetry export --out OUT/telemetry", "route Where? --json", "holders list",
]  # fmt: skip


def test_no_secret_is_told_anywhere(house: House) -> None:
    traffic(house)
    house.sign_in("admin", house.secrets["admin's first password"])
    house.form("/console/account/password", old=house.secrets["admin's first password"], new=CALLERS["password"])
    house.secrets["session after a change"] = house.cookie.partition("=")[2]
    house.until(lambda: all(house.listener.at(path) for path in USED))
    house.command("cost", "--json")
    reconfigure(house)
    look_everywhere(house)
    for command in COMMANDS:
        house.command(*command.replace("OUT", str(house.program.home.parent)).split())
    assert all((house.program.home.parent / name).exists() for name in ("ledger.csv", "trace.jsonl", "telemetry"))
    house.form("/console/sign-out")
    for path in house.program.home.parent.glob("*"):
        if path.is_file():
            house.said[path.name] = path.read_bytes()
    for path in (house.program.home.parent / "telemetry").rglob("*"):
        house.said[f"telemetry {path.name}"] = path.read_bytes() if path.is_file() else b""
    house.read_files()
    for heard in house.listener.at("/v1/traces") + house.listener.at("/v1/metrics"):
        house.said[f"{len(house.said)} {heard.path}"] = heard.body
    assert house.leaks() == []
    assert [data for place, data in house.said.items() if "homeport " in place and b"Traceback" in data] == []


USED: dict[str, Any] = {
    "/v1/chat": "provider's key",
    "/hook/": "webhook's token",
    "/services/": "Slack's token",
    "/pager": "routing key",
    "/manager": "Alertmanager's token",
    "/v1/traces": "collector's key",
}


def test_the_secrets_were_used(house: House) -> None:
    for path, name in USED.items():
        heard = house.listener.at(path)
        assert heard, path
        assert any(SECRETS[name] in f"{one.path}\n{one.headers}\n{one.body!r}" for one in heard), name


def test_only_their_owner_can_read_where_secrets_are_kept(house: House) -> None:
    for name in OWN - {"homeport.yaml", "console.password"}:
        assert (house.program.home / name).stat().st_mode & 0o077 == 0
    assert not (house.program.home / "console.password").exists(), "the first password was changed"


def test_a_database_that_is_gone_is_told_without_its_password(house: House, tmp_path: Path) -> None:
    secret = "canary-database-password-c4"
    away = Program(tmp_path / "home")
    away.home.mkdir(mode=0o700)
    url = f"postgresql+psycopg://homeport:{secret}@127.0.0.1:1/homeport"
    text = (house.program.home / "homeport.yaml").read_text()
    (away.home / "homeport.yaml").write_text(f"{text}storage: {{url: '{url}'}}\n")
    for command in ("trace list", "cost", "users list", "audit list", "keys list"):
        said = typed(away, *command.split())
        assert "database" in said, said
        assert secret not in said, command
    assert "postgresql" in (away.home / "homeport.yaml").read_text()
