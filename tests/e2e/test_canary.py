"""Nothing of what is said in private is found anywhere afterwards: not in the state folder, the logs or the errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

PRIVATE = {"x-homeport-data-class": "private"}
CANARIES = ("zorblatt-4711", "quixembourg", "pelikan.ada@quixembourg.example")
RULES = "\nprivacy:\n  find: {email: redact_and_restore, payment_card: block}\n"


def turns(*texts: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def kept(home: Path) -> list[str]:
    """Files in which a canary is."""
    files = [path for path in home.rglob("*") if path.is_file() and "packages" not in path.relative_to(home).parts]
    return [str(path) for path in files if any(canary.encode() in path.read_bytes() for canary in CANARIES)]


def test_nothing_of_it_is_left(new_program: Callable[[], Program]) -> None:
    program = new_program()
    program.run("init", str(program.home / "homeport.yaml"))
    with (program.home / "homeport.yaml").open("a") as file:
        file.write(RULES)
    program.start()
    secret, mail, domain = CANARIES[0], CANARIES[2], CANARIES[1]
    told: list[bytes] = []

    def ask(messages: list[dict[str, Any]], headers: dict[str, str] | None = None, **more: Any) -> tuple[int, Any]:
        body = {"model": "auto", "messages": messages, "max_tokens": 8, **more}
        status, answered, data = program.post("/chat/completions", body, headers or {})
        told.append(repr(dict(answered)).encode())
        if status != 200:
            told.append(data)
        return status, answered

    begun = turns(f"The code is {secret}.")
    assert ask(begun, PRIVATE)[0] == 200
    assert ask(begun, PRIVATE, stream=True)[0] == 200
    later = turns(f"The code is {secret}.", "Yes.", "Say it again.")
    assert ask(later)[0] == 200
    assert ask(later, model="frontier")[0] == 403
    assert ask(turns(f"Mail {mail}."), model="mid")[0] == 200
    assert ask(turns(f"Mail {mail}."), model="mid", stream=True)[0] == 200
    assert ask(turns(f"Mail {mail}.", "Yes.", "Again."), model="nobody")[0] == 404
    assert ask(turns(f"Card 4111 1111 1111 1111 of {mail} in {domain}"))[0] == 403
    assert ask(turns(f"Mail {mail}."), temperature=9)[0] == 400
    call = {"id": "c", "type": "function", "function": {"name": "mail", "arguments": json.dumps({"to": mail})}}
    looped = turns(f"Mail {mail}.")
    for _ in range(30):
        looped += [{"role": "assistant", "content": None, "tool_calls": [call]}]
        looped += [{"role": "tool", "tool_call_id": "c", "content": f"no such address: {mail}"}]
    assert ask(looped, model="mid")[0] in (200, 409)
    program.stop()
    assert kept(program.home) == []
    assert not any(canary in program.output() for canary in CANARIES)
    leaks = [data for data in told if any(canary.encode() in data for canary in CANARIES)]
    assert leaks == []
    assert any((program.home / "taints").iterdir())
