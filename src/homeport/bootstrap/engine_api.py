"""`homeport.Engine`: one model on one engine, in three lines of Python, the same on every engine."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec

from homeport.bootstrap.engines import free_port, models_of, render_engine
from homeport.bootstrap.packages import pull_package, verify_package
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment, load, read_environment
from homeport.config.schema import EngineSettings, Settings
from homeport.core import discovery
from homeport.core.errors import EngineError
from homeport.engines.base import Endpoint
from homeport.engines.client import EngineClient, TokenChance, chances
from homeport.engines.scoring import score
from homeport.engines.standalone import Standalone
from homeport.packages.base import SilentProgress, StoredPackage

_MAX_TOKENS = 256

Messages = str | Sequence[Mapping[str, Any]]
"""A chat: its messages in OpenAI's words, or the text of one user message."""


class Generated(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; printed, it is its text.

    Attributes:
        finish_reason: "stop" where the model ended it or a stop string was met, "length" where a limit did.
        tokens: each with its log-probability, where they were asked for.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    tokens: tuple[TokenChance, ...] = ()

    def __str__(self) -> str:
        return self.text


class Engine:
    """An engine of this machine, with the model that was loaded last.

        model = homeport.Engine("llamacpp").load("smollm2")
        print(model.generate("The capital of France is", seed=7))
        model.close()

    The engine is a child process: it ends with `close`, with a `with` block, and with this program. Nothing of a
    running `homeport up` is used or disturbed, except that the package store and the machine are shared.

    Args:
        engine: an adapter (`llamacpp`, `vllm`, `transformers`), or an engine of homeport.yaml with all its options.
        config: the configuration file; left out, the one that `homeport` would use, or its default.
        start_seconds: how long a start may take.
        profile: options of the adapter, see docs/reference/engines.md.

    Raises:
        ConfigError: adapter_unknown, or what is wrong with the configuration.
    """

    def __init__(
        self, engine: str = "llamacpp", *, config: Path | None = None, start_seconds: float = 600.0, **profile: Any
    ) -> None:
        environment = read_environment()
        self._home = Home(environment.home.absolute())
        self._docker_config = environment.docker_config
        self._settings = _settings(environment, config, self._home)
        self._engine = self._settings.engines.get(engine) or EngineSettings.model_validate(
            {"engine": engine, "hourly_cost_usd": "0"}
        )
        self._engine = self._engine.model_copy(update={"profile": {**self._engine.profile, **profile}})
        discovery.load("homeport.engines", self._engine.engine)
        self._name = engine
        self._models = models_of(self._settings, engine)
        self._start_seconds = start_seconds
        self._running: Standalone | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def load(self, package: str | None = None) -> "Engine":
        """Start the engine with a package, and wait until it answers; what was loaded before is stopped first.

        Args:
            package: a package of homeport.yaml, which is pulled where it is not there, or one in the store; left
                out, the one that the configuration gives this engine.

        Raises:
            ConfigError: an option is wrong, or the package does not suit the engine.
            PackageError: it cannot be had, or is not what was pinned.
            EngineError: engine_failed; the engine does not start.
        """
        self.close()
        stored = self._package(package or self._engine.package)
        launch = render_engine(self._name, self._engine, stored, self._home, free_port(), self._models)
        running = Standalone(self._name, launch)
        self._running, self._end = running, weakref.finalize(self, running.stop)
        try:
            running.wait_ready(self._start_seconds)
        except BaseException:  # an interrupt too: the child must not outlive it; raised again
            self.close()
            raise
        return self

    def generate(self, prompt: str, **options: Any) -> Generated:
        """Go on with a text as it is, without a chat template.

        Args:
            prompt: what the model reads.
            options: `max_tokens` (256), `temperature` (0), `top_p`, `seed`, `stop`, `logprobs` (how many likeliest
                tokens to tell with each), and whatever else the engine understands, in OpenAI's words.

        Raises:
            EngineError: engine_not_loaded, engine_refused or engine_unreachable.
        """
        return _generated(self._started.client.post("completions", self._text(prompt, options)))

    def stream(self, prompt: str, **options: Any) -> Iterator[str]:
        """As `generate`, in pieces as they come."""
        for event in self._started.client.stream("completions", self._text(prompt, options)):
            yield from (choice["text"] for choice in event["choices"] if choice.get("text"))

    def chat(self, messages: Messages, **options: Any) -> Generated:
        """Answer a chat, by the chat template of the package; options and errors as `generate`."""
        return _generated(self._started.client.post("chat/completions", self._chat(messages, options)))

    def stream_chat(self, messages: Messages, **options: Any) -> Iterator[str]:
        """As `chat`, in pieces as they come."""
        for event in self._started.client.stream("chat/completions", self._chat(messages, options)):
            yield from (text for choice in event["choices"] if (text := choice["delta"].get("content")))

    def score(self, text: str, *, top: int = 0) -> tuple[TokenChance, ...]:
        """The log-probability of each token of a text, and the likeliest in its place.

        llama.cpp is asked for one token after the other, which takes as long as writing the text.
        """
        if self._engine.engine == "llamacpp":
            return score(self.endpoint, self.model, text, top)
        # One token is asked for, since vLLM gives no empty answer, and left out again.
        body = {"prompt": text, "max_tokens": 1, "echo": True, "logprobs": top, "temperature": 0.0}
        answer = self._started.client.post("completions", {"model": self.model, **body})
        return chances(answer["choices"][0])[:-1]

    @property
    def endpoint(self) -> Endpoint:
        """Where the engine is, the key it asks for, and its fingerprint. Raises EngineError before `load`."""
        return self._started.endpoint

    @property
    def model(self) -> str:
        """The model name that it answers to."""
        return self._models[0] if self._models else self._name

    @property
    def client(self) -> EngineClient:
        """For calls that have no method here. Raises EngineError before `load`."""
        return self._started.client

    @property
    def pid(self) -> int | None:
        """The child process; None where the engine runs elsewhere. Raises EngineError before `load`."""
        return self._started.pid

    def close(self) -> None:
        """Stop the engine. Safe to call twice."""
        if self._end is not None:
            self._end()
        self._running = self._end = None

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def _started(self) -> Standalone:
        if self._running is None:
            raise EngineError(
                f"the engine {self._name} has no model", code="engine_not_loaded", hint='call load("NAME") first'
            )
        return self._running

    def _package(self, name: str | None) -> StoredPackage | None:
        if name is None:
            return None
        self._home.create()
        if name in self._settings.packages:
            pull_package(self._settings, self._home, name, SilentProgress(), docker_config=self._docker_config)
        return verify_package(self._settings, self._home, name)

    def _text(self, prompt: str, options: Mapping[str, Any]) -> dict[str, Any]:
        return self._body(options) | {"prompt": prompt}

    def _chat(self, messages: Messages, options: Mapping[str, Any]) -> dict[str, Any]:
        body = self._body(options)
        if (top := body.pop("logprobs", None)) is not None:
            body |= {"logprobs": True, "top_logprobs": top}
        told = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(one) for one in messages]
        return body | {"messages": told}

    def _body(self, options: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "max_tokens": _MAX_TOKENS, "temperature": 0.0}
        body |= {name: value for name, value in options.items() if value is not None}
        fields = self.endpoint.deterministic_fields if body["temperature"] == 0 else {}
        return {**fields, **body}


def _settings(environment: Environment, config: Path | None, home: Home) -> Settings:
    file = ConfigFile(environment, config, home.adopted)
    if file.path is not None:
        return file.read()
    with as_file(files("homeport.config").joinpath("default.yaml")) as path:
        return load(path, environment)


def _generated(answer: Mapping[str, Any]) -> Generated:
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        text = choice["text"] if "text" in choice else choice["message"].get("content")
        return Generated(
            text=text or "",
            finish_reason=choice.get("finish_reason") or "",
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", 0),
            tokens=chances(choice),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EngineError("the engine's answer is none of OpenAI's", code="engine_answer_invalid") from error
