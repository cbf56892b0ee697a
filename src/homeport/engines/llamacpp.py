"""llama.cpp: its own HTTP server, from the prebuilt `xllamacpp` wheels, in a child process.

Run as a program (`python -m homeport.engines.llamacpp`) this file is that child: it reads its
launch as one JSON line on standard input and serves until that input closes.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.core.types import Capability, Surface
from homeport.engines.base import ANY_SURFACE, TEXT_SURFACES, Endpoint, EngineSetup, Launch, profile_of

_TEXT_MODEL = frozenset({Capability.TOOLS, Capability.JSON, Capability.LOGPROBS})
"""It is started without what reads pictures and files."""
_SAME_CONVERSATION = 0.5
"""A prompt goes to the slot that has this much of it, else to the one that was not used for longest. llama.cpp's own
0.1 is less than many a system prompt: a conversation that begins would then push out one that goes on."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `engines.NAME.profile`.

    Attributes:
        slots: requests decoded at once; each gets `context` tokens. One slot keeps answers
            repeatable under load: a batch of several changes the order of the sums.
        context: tokens of prompt and answer together.
        prompt_cache_mib: memory, in MiB, for what it has read of conversations that are in no slot now; 0 for none.
        threads: CPU threads; None takes all cores but one. Its threads wait for each other by
            spinning: where they compete for a core with the gateway and its callers, two on two
            cores were measured at 16 tokens a second and one at 40 (81 and 47 on an idle machine).
        embeddings: answer /v1/embeddings as well (mean pooling).
        rerank: the weights are a reranker's: answer /v1/rerank, and nothing else.
        gpu_layers: layers on the GPU; -1 as many as fit, 0 none.
    """

    slots: Annotated[int, Meta(ge=1, le=64)] = 1
    context: Annotated[int, Meta(ge=256, le=1_048_576)] = 4096
    prompt_cache_mib: Annotated[int, Meta(ge=0, le=1_048_576)] = 8192
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    embeddings: bool = True
    rerank: bool = False
    gpu_layers: Annotated[int, Meta(ge=-1, le=1000)] = -1


class _Spec(msgspec.Struct, frozen=True, kw_only=True):
    weights: str
    alias: str
    port: int
    token: str
    profile: Profile


def render(setup: EngineSetup) -> Launch:
    """The child's launch: a loopback server on a fixed port that asks for a token."""
    if setup.weights is None:
        raise ConfigError(
            f"engines.{setup.name} needs weights",
            code="engine_option_invalid",
            hint=f"add engines.{setup.name}.package",
        )
    profile: Profile = profile_of(setup, Profile)
    spec = _Spec(weights=str(setup.weights), alias=setup.name, port=setup.port, token=setup.token, profile=profile)
    host = f"http://127.0.0.1:{setup.port}"
    endpoint = Endpoint(
        url=f"{host}/v1",
        api_key=setup.token,
        health_url=f"{host}/health",
        surfaces=_surfaces(profile),
        slots=profile.slots,
        context_tokens=profile.context,
        capabilities=_TEXT_MODEL,
        # A prompt that is partly in the cache is evaluated in other batches than a cold one.
        deterministic_fields={"cache_prompt": False},
    )
    argv = (sys.executable, "-m", "homeport.engines.llamacpp")
    return Launch(endpoint=endpoint, argv=argv, stdin=msgspec.json.encode(spec) + b"\n")


def _surfaces(profile: Profile) -> frozenset[Surface]:
    if profile.rerank:
        return frozenset({Surface.RERANK})
    return ANY_SURFACE if profile.embeddings else TEXT_SURFACES


def main() -> None:
    spec = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Spec)
    if not Path(spec.weights).is_file():
        sys.exit(f"the weights {spec.weights} are not there; run: homeport package pull {spec.alias}")
    server = _serve(spec)
    sys.stdout.write(f"serving {spec.alias} at {server.listening_address}\n")  # for the supervisor's log
    sys.stdout.flush()
    watcher = threading.Thread(target=_exit_at_end_of_input)
    watcher.start()
    watcher.join()


def _serve(spec: _Spec) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = spec.weights
    params.model_alias = {spec.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = spec.port
    params.api_keys = [spec.token]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_metrics = True
    params.endpoint_slots = False
    params.n_parallel = spec.profile.slots
    params.n_ctx = spec.profile.context * spec.profile.slots
    params.slot_prompt_similarity = _SAME_CONVERSATION
    params.cache_ram_mib = spec.profile.prompt_cache_mib
    params.n_gpu_layers = spec.profile.gpu_layers
    threads = spec.profile.threads or max(1, (os.cpu_count() or 1) - 1)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    if spec.profile.embeddings or spec.profile.rerank:
        pooling = xllamacpp.llama_pooling_type
        params.embedding = True
        params.pooling_type = (
            pooling.LLAMA_POOLING_TYPE_RANK if spec.profile.rerank else pooling.LLAMA_POOLING_TYPE_MEAN
        )
        # An embedding's input must fit one physical batch.
        params.n_batch = params.n_ubatch = spec.profile.context
    return xllamacpp.Server(params)


def _exit_at_end_of_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # the server's threads cannot be joined from here


if __name__ == "__main__":
    main()
