"""The cache in the running program: two gateway processes in front of a simulated upstream that counts its calls."""

import itertools
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from bench.cache_house import Sim, upstream
from bench.postgres_server import PostgresServer
from tests.e2e.program import Program
from tests.e2e.test_reload import Load, wait_until

pytestmark = pytest.mark.slow

Answer = tuple[int, dict[str, str], bytes]
QUESTION = "How do I get from Lisbon to Hamburg by train?"
ONLY_KEPT = {"cache-control": "only-if-cached"}
LONGER_THAN_NEWS_S = 1.5
CALLERS = 40


def config(sim: Sim, *, workers: int = 2, cache: dict[str, Any] | None = None, **more: Any) -> str:
    """`mid` is an API with a price, `house` an own engine; both are the same upstream."""
    priced = {"model": "mid", "provider": "sim", "price": "test:mid"}
    own = {"engine": "external", "url": f"{sim.url}/v1", "hourly_cost_usd": "0.05"}
    price = {"model": "test:mid", "from": "2020-01-01", "input_per_mtok": "0.4", "output_per_mtok": "1.6"}
    brief = {"name": "brief", "models": ["brief"], "ttl_seconds": 2}
    cached = {"semantic": "balanced", "check_percent": 0, "routes": [brief]}
    return json.dumps(
        {
            "server": {"workers": workers},
            "providers": {"sim": {"provider": "openai_compatible", "base_url": f"{sim.url}/v1"}},
            "engines": {"own": own},
            "tiers": [
                {"name": "remote", "targets": [priced, {**priced, "model": "brief"}, {**priced, "model": "one"}]},
                {"name": "home", "targets": [{"model": "house", "engine": "own"}]},
            ],
            "prices": [price],
            "cache": cached if cache is None else cache,
            **more,
        }
    )


def calls(sim: Sim) -> int:
    """Requests for an answer that it got; what asks whether it lives is not counted."""
    return sum(one["method"] == "POST" for one in sim.told("requests")["requests"])


def started(program: Program, text: str) -> Program:
    """With two gateway processes, or as many as `text` says."""
    program.home.mkdir(mode=0o700, exist_ok=True)
    configure(program, text)
    program.start()
    wait_until(lambda: len(program.children("gateway")) == json.loads(text)["server"]["workers"])
    return program


def configure(program: Program, text: str) -> None:
    draft = program.home / "homeport.draft"
    draft.write_text(text)
    draft.rename(program.home / "homeport.yaml")


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with upstream(
        tmp_path_factory.mktemp("upstream"), {}, "--latency-ms=20", "--output-tokens=20", "--keep=10000"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def program(sim: Sim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    shared = started(Program(tmp_path_factory.mktemp("cache") / "home"), config(sim))
    yield shared
    assert shared.stop() == 0, shared.output()


@pytest.fixture
def own(sim: Sim, tmp_path: Path) -> Iterator[Program]:
    """With one gateway process, for a test to break."""
    program = started(Program(tmp_path / "home"), config(sim, workers=1))
    yield program
    if program.process is not None and program.process.poll() is None:
        program.stop()


def chat(text: str, model: str = "mid", **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 32, **fields, "messages": [{"role": "user", "content": text}]}


def ask(program: Program, text: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """Over a connection of its own, so either process may answer."""
    return program.post("/chat/completions", chat(text, **fields), headers)


def kind(answer: Answer) -> str:
    assert answer[0] == 200, answer
    return answer[1].get("x-homeport-cache", "")


def known_to_all(program: Program, text: str, headers: dict[str, str] | None = None, **fields: Any) -> None:
    """Wait until every process has the answer."""
    wanted = {**(headers or {}), **ONLY_KEPT}
    lasts(lambda: ask(program, text, wanted, **fields)[0] == 200)


def lasts(holds: Callable[[], bool]) -> None:
    """Wait until it holds and goes on to: processes hear of each other twice a second, and any of them may answer."""
    since = time.monotonic()

    def has_lasted() -> bool:
        nonlocal since
        if not holds():
            since = time.monotonic()
        return time.monotonic() - since > LONGER_THAN_NEWS_S

    wait_until(has_lasted, 30)


def test_two_processes_share_what_one_was_told(program: Program, sim: Sim) -> None:
    before = calls(sim)
    made = ask(program, QUESTION)
    known_to_all(program, QUESTION)
    kept = ask(program, QUESTION)
    assert calls(sim) == before + 1
    assert (kind(made), kind(kept)) == ("miss", "hit")
    assert kept[1]["x-homeport-cost"] == "0.000000000" != made[1]["x-homeport-cost"]
    assert int(kept[1]["age"]) <= 10
    told, again = (json.loads(answer[2]) for answer in (made, kept))
    assert told["choices"] == again["choices"]
    assert told["id"] != again["id"]


def test_the_same_in_other_words_is_answered_and_something_else_is_not(program: Program) -> None:
    ask(program, "Which museums in Oslo are open late?")
    known_to_all(program, "Which museums in Oslo are open late?")
    same = ask(program, "Hi! Which museums in Oslo are open late? Thanks!")
    assert kind(same) == "semantic"
    assert float(same[1]["x-homeport-cache-similarity"]) > 0.75
    assert re.fullmatch("[0-9a-f]{32}", same[1]["x-homeport-cache-entry"])
    other = ("Which museums in Oslo are not open late?", "Which museums in Bergen are open late?")
    assert [kind(ask(program, text)) for text in other] == ["miss", "miss"]
    assert kind(ask(program, "Which museums in Oslo are open late?", model="house")) == "miss"
    assert kind(ask(program, "Which museums in Oslo are open late?", max_tokens=31)) == "miss"


def bodies(stream: bool) -> dict[str, dict[str, Any]]:
    """Of one question on each surface; each path has its own words for it."""
    base = {"model": "mid", "stream": stream}
    said = [{"role": "user", "content": "Who wrote the rules of chess?"}]
    return {
        "/chat/completions": {**base, "max_tokens": 24, "messages": said},
        "/completions": {**base, "max_tokens": 24, "prompt": "The rules of chess say"},
        "/messages": {**base, "max_tokens": 24, "messages": said},
        "/responses": {**base, "max_output_tokens": 24, "input": "Who wrote the rules of chess?", "store": False},
    }


@pytest.mark.parametrize("path", bodies(stream=True))
@pytest.mark.parametrize("streamed_first", [True, False])
def test_a_stream_comes_from_the_cache_as_a_stream(program: Program, sim: Sim, path: str, streamed_first: bool) -> None:
    tag = {"x-homeport-corpus": f"{path} {streamed_first}"}
    first, stream = bodies(streamed_first)[path], bodies(stream=True)[path]
    before = calls(sim)
    live = program.post(path, stream, {**tag, "cache-control": "no-store"})
    made = program.post(path, first, tag)
    assert kind(made) == "miss"
    lasts(lambda: program.post(path, stream, {**tag, **ONLY_KEPT})[0] == 200)
    kept = program.post(path, stream, {**tag, **ONLY_KEPT})
    assert kind(kept) == "hit"
    assert kept[1]["content-type"].startswith("text/event-stream")
    assert calls(sim) == before + 2
    assert text_of(kept[2]) == text_of(live[2]) != ""
    assert kinds_of(kept[2]) == kinds_of(live[2])


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) for line in body.splitlines() if line.startswith(b"data: {")]


def text_of(body: bytes) -> str:
    """The words of a stream in whichever dialect."""
    told = []
    for event in events(body):
        choice = (event.get("choices") or [{}])[0]
        delta = event.get("delta") or choice.get("delta") or {}
        told.append(delta if isinstance(delta, str) else delta.get("content") or delta.get("text") or "")
        told.append(choice.get("text") or "")
    return "".join(told)


def kinds_of(body: bytes) -> list[str]:
    """In their order, those that come again and again once; and how it ends."""
    names = [str(event.get("type") or event.get("object")) for event in events(body)]
    end = [body.rstrip().splitlines()[-1].decode()] if body.rstrip().endswith(b"[DONE]") else []
    return [name for name, _ in itertools.groupby(names)] + end


def test_a_real_client_reads_a_stream_of_the_cache(program: Program) -> None:
    with openai.OpenAI(base_url=program.url, api_key=program.key, max_retries=0) as client:
        texts = []
        for _ in range(3):
            with client.chat.completions.create(
                model="mid", stream=True, messages=[{"role": "user", "content": "How old is the city of Prague?"}]
            ) as stream:
                texts.append("".join(one.choices[0].delta.content or "" for one in stream if one.choices))
    assert texts[0] == texts[1] == texts[2] != ""


def test_many_who_ask_at_once_make_one_call_a_process(program: Program, sim: Sim) -> None:
    before = calls(sim)
    with ThreadPoolExecutor(CALLERS) as pool:
        told = list(pool.map(lambda at: ask(program, "Why is the sea salty?", stream=at % 2 == 0), range(CALLERS)))
    assert 1 <= calls(sim) - before <= 2
    assert [status for status, _, _ in told] == [200] * CALLERS
    assert [kind(answer) for answer in told].count("miss") == calls(sim) - before


def test_a_caller_says_how_a_request_is_cached(program: Program) -> None:
    status, _, body = ask(program, "What does a notary do?", ONLY_KEPT)
    assert (status, json.loads(body)["error"]["code"]) == (504, "not_cached")
    ask(program, "What does a notary do?", {"cache-control": "no-store"})
    assert ask(program, "What does a notary do?", ONLY_KEPT)[0] == 504
    ask(program, "What does a notary do?", {"cache-control": "no-cache"})
    known_to_all(program, "What does a notary do?")
    assert kind(ask(program, "What does a notary do?", {"cache-control": "no-cache"})) == "miss"
    time.sleep(1.1)
    assert kind(ask(program, "What does a notary do?", {"cache-control": "max-age=60"})) == "hit"
    assert ask(program, "What does a notary do?", {"x-homeport-cache-tags": "a b"})[0] == 400


def test_an_answer_dies_when_its_time_is_over(program: Program) -> None:
    def kept() -> list[bool]:
        return [ask(program, "What is a lighthouse for?", ONLY_KEPT, model="brief")[0] == 200 for _ in range(12)]

    ask(program, "What is a lighthouse for?", model="brief")
    assert any(kept())
    wait_until(lambda: not any(kept()), 10)
    assert kind(ask(program, "What is a lighthouse for?", model="brief")) == "miss"


def test_what_is_purged_is_out_of_every_process(program: Program) -> None:
    tagged = {"x-homeport-cache-tags": "spring"}
    for text in ("What grows in spring?", "What grows in autumn?"):
        ask(program, text, tagged if "spring" in text else None)
        known_to_all(program, text)
    admin = {"authorization": f"Bearer {(program.home / 'admin.key').read_text().strip()}"}
    status, _, body = program.post_raw("/admin/v1/cache/purge", admin, b'{"tag": "spring"}')
    assert (status, json.loads(body)["purged"]) == (200, 1)
    lasts(lambda: ask(program, "What grows in spring?", ONLY_KEPT)[0] == 504)
    assert ask(program, "What grows in autumn?", ONLY_KEPT)[0] == 200


def test_a_hit_is_given_where_the_money_is_gone(program: Program) -> None:
    made = json.loads(program.run("keys", "create", "poor", "--budget", "0.000300/day", "--json"))
    key = {"authorization": f"Bearer {made['key']}"}
    lasts(lambda: program.get("/v1/models", key)[0] == 200)
    assert ask(program, "What is a lock on a canal?", key)[0] == 200
    known_to_all(program, "What is a lock on a canal?", key)
    for at in itertools.count():
        status, _, body = ask(program, f"What is item {at} of the list?", key)
        if status != 200:
            break
        assert at < 100
    assert (status, json.loads(body)["error"]["code"]) == (429, "budget_exceeded")
    assert kind(ask(program, "What is a lock on a canal?", key)) == "hit"


def test_the_ledger_has_hits_as_saved_and_never_as_spent(own: Program) -> None:
    told = [ask(own, "What is a lease?") for _ in range(3)]
    told.append(ask(own, "Please tell me: What is a lease?"))
    told.append(ask(own, "What is a deposit?", stream=True))
    told.append(ask(own, "What is a deposit?"))
    assert [kind(answer) for answer in told] == ["miss", "hit", "hit", "semantic", "miss", "hit"]
    cost = own.cost()
    lease = int(Decimal(told[0][1]["x-homeport-cost"]) * 10**9)
    deposit = cost["cost_nanodollars"] - lease
    assert lease > 0 < deposit
    assert (cost["requests"], cost["cache"]["asked"], cost["cache"]["hits"]) == (6, 6, 4)
    assert int(Decimal(cost["cache"]["saved_usd"]) * 10**9) == 3 * lease + deposit


def test_a_new_start_knows_what_was_kept_but_nothing_private(own: Program, sim: Sim) -> None:
    private = {"x-homeport-data-class": "private"}
    assert kind(ask(own, "What is a lien?")) == "miss"
    assert [kind(ask(own, "Who is Mr Onyx?", private, model="house")) for _ in range(2)] == ["miss", "hit"]
    assert own.stop() == 0
    stored = b"".join(path.read_bytes() for path in own.home.glob("homeport.db*"))
    assert b"lien" in stored
    assert b"Onyx" not in stored
    own.start()
    wait_until(lambda: ask(own, "What is a lien?", ONLY_KEPT)[0] == 200, 10)
    before = calls(sim)
    assert kind(ask(own, "Hello! What is a lien?")) == "semantic"
    assert calls(sim) == before
    assert kind(ask(own, "Who is Mr Onyx?", private, model="house")) == "miss"


def test_kill_9_loses_no_more_than_the_last_second(own: Program) -> None:
    for number in range(20):
        ask(own, f"What is step {number} of the plan?")
    time.sleep(1.5)
    gateways = own.children("gateway")
    own.kill()
    for pid in gateways:
        os.kill(pid, signal.SIGKILL)
    own.start()
    wait_until(lambda: ask(own, "What is step 19 of the plan?", ONLY_KEPT)[0] == 200, 10)
    assert [ask(own, f"What is step {number} of the plan?", ONLY_KEPT)[0] for number in range(20)] == [200] * 20


def test_lines_of_a_batch_are_answered_from_the_cache(own: Program, sim: Sim) -> None:
    for number in range(3):
        ask(own, f"What is clause {number}?")
    time.sleep(2)  # The worker has heard of them.
    before = calls(sim)
    lines = [
        {
            "custom_id": str(number),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": chat(f"What is clause {number}?"),
        }
        for number in range(5)
    ]
    with openai.OpenAI(base_url=own.url, api_key=own.key, max_retries=0) as made:
        client: Any = made
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        uploaded = client.files.create(file=("in.jsonl", data), purpose="batch")
        batch = client.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        wait_until(lambda: client.batches.retrieve(batch.id).status == "completed")
    assert calls(sim) == before + 2


def test_the_cache_is_switched_on_and_off_under_load(own: Program, sim: Sim) -> None:
    with Load(own).running() as load:
        for on in (False, True, False, True):
            configure(own, config(sim, workers=1, cache={"exact": on}))
            wait_until(lambda on=on: (kind(ask(own, "What is a tide?", model="one")) == "hit") is on)  # type: ignore[misc]
            load.wait_for(load.answered + 30)
    assert load.failures == []
    assert load.refused == 0
    # What was kept before it was switched off is known when it is on again.
    assert kind(ask(own, "What is a tide?", model="one")) == "hit"


def test_entries_are_shared_through_postgresql(sim: Sim, postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.new_database()
    program = Program(tmp_path / "home", {"DATABASE": url})
    try:
        started(program, config(sim, storage={"url": "${DATABASE}"}))
        assert kind(ask(program, "What is a mooring?")) == "miss"
        known_to_all(program, "What is a mooring?")
        assert program.stop() == 0
        program.start()
        wait_until(lambda: ask(program, "What is a mooring?", ONLY_KEPT)[0] == 200, 10)
        assert not list(program.home.glob("homeport.db*"))
    finally:
        if program.process is not None and program.process.poll() is None:
            program.stop()
        postgres_server.drop(url)
