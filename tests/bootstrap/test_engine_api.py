"""`homeport.Engine` with a server that needs no model; tests/conformance/test_running_engines.py has real ones."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.children import is_running
from tests.engines.served.speaker import Parrot

import homeport
from homeport.bootstrap import engine_api
from homeport.core.errors import ConfigError, EngineError, HomeportError, PackageError
from homeport.engines.base import TEXT_SURFACES, Endpoint, Launch
from homeport.engines.children.server import Served, Server
from homeport.engines.standalone import Standalone

CONFIG = """
engines:
  house:
    engine: external
    url: "http://127.0.0.1:%d/v1"
    api_key: t0ken
    hourly_cost_usd: "1"
    profile: {health: /health}
tiers:
  - {name: local, targets: [{model: smol, engine: house}]}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration whose engine `house` is a server that says hello."""
    monkeypatch.setenv("HOMEPORT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOMEPORT_CONFIG", raising=False)
    server = Server(0, Served(model=Parrot(), names=("smol",), token="t0ken", slots=1, context=64))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    path = tmp_path / "homeport.yaml"
    path.write_text(CONFIG % server.server_address[1])
    yield path
    server.shutdown()
    server.server_close()
    thread.join()


def test_three_lines(config: Path) -> None:
    model = homeport.Engine("house", config=config).load()
    assert str(model.generate("say", seed=7)) == "hello"
    assert "".join(model.stream("say")) == "".join(model.stream_chat("say")) == "hello"


def test_what_is_told_of_an_answer(config: Path) -> None:
    with homeport.Engine("house", config=config).load() as model:
        answer = model.chat([{"role": "user", "content": "say"}], max_tokens=2, logprobs=1)
        assert (answer.text, answer.finish_reason, answer.completion_tokens) == ("he", "length", 2)
        assert [(token.text, token.logprob, token.top) for token in answer.tokens] == [
            ("h", -0.25, (("h", -0.25),)),
            ("e", -0.25, (("e", -0.25),)),
        ]
        assert [token.logprob for token in model.score("ab")][:2] == [None, -0.5]


def test_after_the_end_it_says_what_to_do(config: Path) -> None:
    engine = homeport.Engine("house", config=config)
    for _ in range(2):
        with pytest.raises(EngineError) as caught:
            engine.generate("say")
        assert caught.value.code == "engine_not_loaded"
        engine.load().close()
        engine.close()


def test_what_the_engine_refuses_is_told_in_its_words(config: Path) -> None:
    with homeport.Engine("house", config=config).load() as model, pytest.raises(EngineError, match="stop is neither"):
        model.generate("say", stop=5)


def test_unknown_names(config: Path) -> None:
    with pytest.raises(ConfigError) as unknown:
        homeport.Engine("no-such-engine", config=config)
    assert unknown.value.code == "adapter_unknown"
    with pytest.raises(HomeportError) as missing:
        homeport.Engine("llamacpp", config=config).load("no-such-package")
    assert missing.value.code == "package_not_pulled"
    with pytest.raises(AttributeError):
        homeport.NoSuchThing  # type: ignore[attr-defined]  # noqa: B018 - it is what is tried


def launch(*argv: str) -> Launch:
    endpoint = Endpoint(
        url="http://127.0.0.1:9/v1", api_key="t", health_url="http://127.0.0.1:9/health", surfaces=TEXT_SURFACES
    )
    return Launch(endpoint=endpoint, argv=argv, stdin=b"{}\n")


def test_an_engine_that_ends_says_its_last_words() -> None:
    engine = Standalone("smol", launch("/bin/sh", "-c", r"printf '0%%\r100%%\n'; echo no weights >&2; exit 3"))
    with pytest.raises(EngineError, match="ended with exit code 3") as caught:
        engine.wait_ready(20)
    assert caught.value.message.endswith("its last words:\n  100%\n  no weights")


def test_an_engine_that_never_answers_is_stopped() -> None:
    engine = Standalone("smol", launch("/bin/sh", "-c", "read x; sleep 600"))
    child = engine.pid
    assert child is not None
    with pytest.raises(EngineError, match="did not answer within 0 s"):
        engine.wait_ready(0.05)
    assert not is_running(child)


def test_a_private_registry_is_asked_with_docker_s_credentials(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pull(*_: object, docker_config: Path | None) -> None:
        asked.append(docker_config)
        raise PackageError("not here")

    digest = f"sha256:{'0' * 64}"
    config.write_text(f"{config.read_text()}packages: {{own: {{source: 'oci://127.0.0.1:1/own:1@{digest}'}}}}\n")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(engine_api, "pull_package", pull)
    with pytest.raises(PackageError):
        homeport.Engine("llamacpp", config=config).load("own")
    assert [path and path.parent for path in asked] == [tmp_path]


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(EngineError, match="cannot be started") as caught:
        Standalone("smol", launch("/no/such/python"))
    assert "make engines" in caught.value.hint
