"""Every engine that Homeport starts, with real weights: what one can do, all can, and they read one package alike.

An engine whose library is not there is skipped: `make engines` sets it up.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import yaml

import homeport
from homeport.bootstrap.engine_api import Engine
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError, EngineError
from homeport.engines.base import Endpoint
from homeport.engines.children.folder import FOLDER
from homeport.engines.client import EngineClient
from homeport.engines.interpreter import find_interpreter
from homeport.packages.base import FileRole, Lineage, PackageFacts, PackageSpec, SourceFile, StoredPackage
from homeport.packages.digest import hex_of
from homeport.packages.layout import Store
from homeport.telemetry.export import Places
from tests.e2e.program import Program
from tests.e2e.prometheus import Prometheus, installed
from tests.telemetry.dashboards.test_grafana import documents
from tests.telemetry.promql import LLAMACPP, OF_VLLM, RECORDS, VLLM, filled
from tests.telemetry.rules.test_alerts import settings
from tests.telemetry.test_export import write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ENGINES = ("llamacpp", "transformers", "vllm")
QUESTION = "What is the capital of France?"
PROMPT = "The capital of France is"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose store has the default package."""
    puller = Program(tmp_path_factory.mktemp("engines") / "home")
    puller.run("init", str(puller.home / "homeport.yaml"))
    puller.run("package", "pull", "smollm2", "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMEPORT_HOME", str(puller.home))
        yield puller.home


@pytest.fixture(scope="module", params=ENGINES)
def model(request: pytest.FixtureRequest, state: Path) -> Iterator[Engine]:
    engine = Engine(request.param, deterministic=True, context=512)
    try:
        engine.load("smollm2")
    except EngineError as error:
        if "make engines" in error.message:
            pytest.skip(f"{request.param} is not set up: run `make engines`")
        raise
    yield engine
    engine.close()


def test_three_lines(model: Engine) -> None:
    answer = model.generate(PROMPT, seed=7, max_tokens=8)
    assert str(answer).startswith(" Paris")
    assert (answer.finish_reason, answer.completion_tokens) == ("length", 8)
    assert answer.prompt_tokens == 5


def test_it_repeats(model: Engine) -> None:
    first, second = (model.generate("Once upon a time", max_tokens=12) for _ in range(2))
    assert first.text == second.text


def test_a_stream_says_what_a_whole_answer_says(model: Engine) -> None:
    assert "".join(model.stream(PROMPT, max_tokens=8)) == model.generate(PROMPT, max_tokens=8).text
    assert "".join(model.stream_chat(QUESTION, max_tokens=8)) == model.chat(QUESTION, max_tokens=8).text


def test_a_chat_uses_the_template(model: Engine) -> None:
    """34 tokens are those of the template with its system prompt, which all engines render alike."""
    assert model.chat("Say hi 😀", max_tokens=1).prompt_tokens == 34


def test_stop_strings(model: Engine) -> None:
    answer = model.generate("One, two, three,", stop=[" six"], max_tokens=40)
    assert (answer.text, answer.finish_reason) == (" four, five,", "stop")


def test_log_probabilities(model: Engine) -> None:
    for answer in (
        model.generate(PROMPT, logprobs=3, max_tokens=2),
        model.chat(QUESTION, logprobs=3, max_tokens=2),
    ):
        assert len(answer.tokens) == 2
        for token in answer.tokens:
            assert token.logprob is not None
            assert token.logprob <= 0
            assert len(token.top) == 3
            assert max(value for _, value in token.top) == pytest.approx(token.logprob, abs=1e-4), "it is greedy"


def test_a_text_is_scored(model: Engine) -> None:
    first, *rest = model.score(PROMPT + " Paris", top=2)
    assert (first.text, first.logprob) == ("The", None)
    assert [token.text for token in rest] == [" capital", " of", " France", " is", " Paris"]
    [written] = model.generate(PROMPT, max_tokens=1, logprobs=1).tokens
    assert rest[-1].logprob == pytest.approx(written.logprob, abs=1e-3), "what is forced is as likely as what is chosen"
    assert rest[-1].logprob == pytest.approx(-0.258, abs=0.1), "and as on the other engines, but for rounding"
    for token in rest:
        assert token.logprob is not None
        assert token.logprob <= max(value for _, value in token.top) <= 0, "what is unlikely is not made likely"


def test_what_is_wrong_is_refused(model: Engine) -> None:
    with pytest.raises(EngineError) as caught:
        model.generate(PROMPT, temperature="hot")
    assert caught.value.code == "engine_refused"
    assert str(model.generate(PROMPT, max_tokens=1)) == " Paris", "and the next is answered"


def test_the_token_is_asked_for(model: Engine) -> None:
    stranger = EngineClient(msgspec.structs.replace(model.endpoint, api_key="not-it"))
    assert stranger.healthy(), "health is open"
    with pytest.raises(EngineError, match="401"):
        stranger.post("completions", {"model": model.model, "prompt": PROMPT, "max_tokens": 1})


def test_the_fingerprint_says_what_runs(model: Engine) -> None:
    fingerprint = model.endpoint.fingerprint
    assert fingerprint is not None
    assert fingerprint.build
    assert fingerprint.package.startswith("sha256:")


@installed
def test_prometheus_scrapes_it_and_the_rules_give_what_it_counts_one_name(model: Engine, tmp_path: Path) -> None:
    """As the gateway scrapes it: by its endpoint, with its token."""
    endpoint, told = model.endpoint, model.endpoint.fingerprint
    assert told is not None
    if not endpoint.metrics_url:
        assert told.engine == "transformers", "it counts nothing"
        return
    is_vllm = told.engine == "vllm"
    found = settings(tmp_path)
    write(tmp_path, places=Places(gateways=("127.0.0.1:1",), prometheus="http://127.0.0.1:1"))
    scrape(tmp_path / "prometheus" / "prometheus.yml", endpoint)
    with Prometheus(tmp_path / "prometheus", tmp_path / "data" / "tsdb") as server:
        server.eventually('up{job="homeport-engines"} == 1')
        model.generate(PROMPT, max_tokens=8)
        server.eventually("homeport:engine_tokens_written:rate5m > 0")
        for name in VLLM if is_vllm else LLAMACPP:
            assert server.query(name), name
        for record in RECORDS:
            [one] = server.query(f"homeport:engine_{record}")
            assert (one["metric"]["upstream"], one["metric"]["runtime"]) == ("one", told.engine)
        shown = {f"{name}: {panel['title']}" for name, panel, expr in panels(found) if server.query(expr)}
        assert shown & OF_VLLM == (OF_VLLM if is_vllm else set())


def scrape(path: Path, endpoint: Endpoint) -> None:
    """Have Prometheus ask the engine itself."""
    config, url = yaml.safe_load(path.read_text()), urlsplit(endpoint.metrics_url)
    target = {"targets": [url.netloc], "labels": {"pool": "one", "upstream": "one"}}
    job = {"job_name": "homeport-engines", "metrics_path": url.path, "static_configs": [target]}
    config["scrape_configs"] = [{**job, "authorization": {"credentials": endpoint.api_key}}]
    path.write_text(yaml.safe_dump(config))


def panels(found: Settings) -> Iterator[tuple[str, dict[str, Any], str]]:
    for name, board in documents(found).items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Path(name).stem, panel, filled(target["expr"])


_ADAPTER = """
import sys, gguf, numpy
writer, random = gguf.GGUFWriter(sys.argv[1], "llama"), numpy.random.default_rng(1)
writer.add_string("general.type", "adapter")
writer.add_string("adapter.type", "lora")
writer.add_float32("adapter.lora.alpha", 16.0)
for block in range(30):
    for name, rows, columns in (("attn_q", 576, 576), ("attn_k", 192, 576), ("ffn_down", 576, 1536)):
        for half, shape in (("a", (8, columns)), ("b", (rows, 8))):
            tensor = random.standard_normal(shape).astype(numpy.float32) * 0.08
            writer.add_tensor(f"blk.{block}.{name}.weight.lora_{half}", tensor)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"""


@pytest.fixture(scope="module")
def python(state: Path) -> Path:
    """The interpreter that has transformers."""
    interpreter = find_interpreter("test", None, [("transformers",)])
    if not interpreter.build:
        pytest.skip("transformers is not set up: run `make engines`")
    return interpreter.path


def add(state: Path, name: str, folder: Path, roles: dict[str, FileRole], base: str = "") -> StoredPackage:
    """A package of files of a folder, by their roles."""
    files = [SourceFile(path=folder / file, filepath=file, role=role, modified=0) for file, role in roles.items()]
    spec = PackageSpec(name=name, source="here")
    return Store(state / "packages").add(spec, files, PackageFacts(version="1", lineage=Lineage(base=base)))


def test_an_adapter_does_the_same_on_every_engine(state: Path, python: Path, tmp_path: Path) -> None:
    """llama.cpp adds it to what it computes, the others to the weights. vLLM loads what transformers does."""
    subprocess.run((python, "-c", _ADAPTER, tmp_path / "lora.gguf"), check=True)
    base = Store(state / "packages").get("smollm2")
    assert base is not None
    add(state, "tuned", tmp_path, {"lora.gguf": FileRole.ADAPTER}, base.digest)
    texts, chances = [], []
    for name in ("llamacpp", "transformers"):
        with Engine(name, deterministic=True, context=512).load("tuned") as tuned:
            answer = tuned.generate("Once upon a time", max_tokens=5, logprobs=1)
        texts.append(answer.text)
        chances.append([token.logprob for token in answer.tokens])
    assert texts == [", she will be gone"] * 2, "the weights alone say: the city of New"
    assert chances[0] == pytest.approx(chances[1], abs=0.15)


def test_a_package_of_safetensors(state: Path, python: Path) -> None:
    """What was made of the GGUF is what is published of most models: a folder of safetensors."""
    with Engine("transformers", context=512).load("smollm2") as model:
        expected = model.generate(PROMPT, max_tokens=6)
        chat = model.chat(QUESTION, max_tokens=6)
    made_of = Store(state / "packages").get("smollm2")
    assert made_of is not None
    folder = state / "derived" / hex_of(made_of.digest) / FOLDER
    roles = {
        "model.safetensors": FileRole.WEIGHTS,
        "config.json": FileRole.TOKENIZER,
        "tokenizer.json": FileRole.TOKENIZER,
        "tokenizer_config.json": FileRole.TOKENIZER,
        "chat_template.jinja": FileRole.TEMPLATE,
    }
    package = add(state, "folder", folder, roles)
    assert (package.family, package.context_length) == ("llama", 8192)
    with Engine("transformers", context=512).load("folder") as model:
        assert (model.generate(PROMPT, max_tokens=6), model.chat(QUESTION, max_tokens=6)) == (expected, chat)
    with pytest.raises(ConfigError, match="takes weights in GGUF alone") as refused:
        Engine("llamacpp").load("folder")
    assert refused.value.code == "engine_package_unsuited"


_OWNER = """
import sys, time, homeport, msgspec
model = homeport.Engine(sys.argv[1]).load("smollm2")
print(msgspec.json.encode(model.endpoint).decode(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("name", ["llamacpp", "transformers"])
def test_it_ends_with_its_program_however_that_ends(name: str, state: Path) -> None:
    """kill -9 leaves no engine behind. vLLM's child watches as transformers' does."""
    environment = {**os.environ, "PYTHONPATH": str(Path(homeport.__file__).parents[1])}
    with subprocess.Popen((sys.executable, "-c", _OWNER, name), stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        line = owner.stdout.readline()
        if not line:
            pytest.skip(f"{name} is not set up: run `make engines`")
        client = EngineClient(msgspec.json.decode(line, type=Endpoint))
        assert client.healthy()
        owner.send_signal(signal.SIGKILL)
    end = time.monotonic() + 20
    while client.healthy() and time.monotonic() < end:
        time.sleep(0.05)
    assert not client.healthy()
