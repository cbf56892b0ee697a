"""llama.cpp: its own HTTP server, from the prebuilt `xllamacpp` wheels, in a child process.

Run as a program (`python -m homeport.engines.llamacpp`) this file is that child: it reads its
launch as one JSON line on standard input and serves until that input closes.
"""

import os
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.core.types import Capability, Surface
from homeport.engines.base import (
    ANY_SURFACE,
    TEXT_SURFACES,
    EngineSetup,
    Launch,
    child_launch,
    fingerprint_of,
    gguf_files,
    package_of,
    profile_of,
    refuse_slots,
    started_endpoint,
)
from homeport.engines.children.start import end_with_input, give_up
from homeport.engines.derived import ADAPTERS_ARE_GGUF
from homeport.packages.base import FileRole

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
        adapters: how strongly each LoRA adapter of the package is applied, by its path inside the package; 0 leaves
            it out, and one that is not named is applied as it was trained, with 1.
        deterministic: one slot, no prompt cache, temperature 0 and seed 0 where a request says nothing else, and
            each prompt read from its start.
    """

    slots: Annotated[int, Meta(ge=1, le=64)] = 1
    context: Annotated[int, Meta(ge=256, le=1_048_576)] = 4096
    prompt_cache_mib: Annotated[int, Meta(ge=0, le=1_048_576)] = 8192
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    embeddings: bool = True
    rerank: bool = False
    gpu_layers: Annotated[int, Meta(ge=-1, le=1000)] = -1
    adapters: dict[str, Annotated[float, Meta(ge=-10, le=10)]] | None = None
    deterministic: bool = False


class _Adapter(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    scale: float


class _Spec(msgspec.Struct, frozen=True, kw_only=True):
    weights: str
    adapters: tuple[_Adapter, ...]
    template: str
    alias: str
    port: int
    token: str
    profile: Profile


def render(setup: EngineSetup) -> Launch:
    """The child's launch: a loopback server on a fixed port that asks for a token."""
    package = package_of(setup)
    profile = _settle(setup)
    gguf_files(setup, FileRole.WEIGHTS, "use engine: vllm or transformers, or a package with GGUF")
    templates = package.find(FileRole.TEMPLATE)
    spec = _Spec(
        weights=str(package.weights),
        adapters=_adapters(setup, profile),
        template=str(templates[0].path) if templates else "",
        alias=setup.name,
        port=setup.port,
        token=setup.token,
        profile=profile,
    )
    endpoint = started_endpoint(
        setup,
        fingerprint_of("llamacpp", _build(), setup, profile),
        surfaces=_surfaces(profile),
        slots=profile.slots,
        context=profile.context,
        capabilities=_TEXT_MODEL,
        measured=True,
    )
    # A prompt that is partly in the cache is evaluated in other batches than a cold one.
    repeatable = msgspec.structs.replace(endpoint, deterministic_fields={"cache_prompt": False})
    return child_launch(repeatable, (sys.executable, "-P", "-m", "homeport.engines.llamacpp"), spec)


def _settle(setup: EngineSetup) -> Profile:
    """The profile with what depends on this machine, so that the fingerprint has it."""
    profile: Profile = profile_of(setup, Profile)
    threads = profile.threads or max(1, (os.cpu_count() or 1) - 1)
    if not profile.deterministic:
        return msgspec.structs.replace(profile, threads=threads)
    refuse_slots(setup, profile.slots)
    return msgspec.structs.replace(profile, threads=threads, prompt_cache_mib=0)


def _adapters(setup: EngineSetup, profile: Profile) -> tuple[_Adapter, ...]:
    """Every adapter with a scale of its own: what llama.cpp does with one that has none is its affair."""
    files, scales = gguf_files(setup, FileRole.ADAPTER, ADAPTERS_ARE_GGUF), profile.adapters or {}
    if unknown := sorted(set(scales) - {file.filepath for file in files}):
        raise ConfigError(
            f"engines.{setup.name}.profile.adapters: the package has no adapter {unknown[0]!r}",
            code="engine_option_invalid",
            hint=f"its adapters are: {', '.join(file.filepath for file in files) or '(none)'}",
        )
    return tuple(_Adapter(path=str(file.path), scale=scales.get(file.filepath, 1.0)) for file in files)


def _build() -> str:
    """What computes; "" where it is not installed, which the child tells with its reason."""
    try:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    except metadata.PackageNotFoundError:
        return ""


def _surfaces(profile: Profile) -> frozenset[Surface]:
    if profile.rerank:
        return frozenset({Surface.RERANK})
    return ANY_SURFACE if profile.embeddings else TEXT_SURFACES


def main() -> None:
    spec = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Spec)
    if not Path(spec.weights).is_file():
        give_up(f"the weights {spec.weights} are not there; run: homeport package pull {spec.alias}")
    end_with_input()  # from before the weights are loaded, which may take minutes
    try:
        server = _serve(spec)
    except RuntimeError as error:  # the lines before this one, which are llama.cpp's own, say why
        give_up(f"llama.cpp does not start with these weights, adapters and options: {error}")
    sys.stdout.write(f"serving {spec.alias} at {server.listening_address}\n")  # for the supervisor's log
    sys.stdout.flush()
    threading.Event().wait()


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
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = spec.profile.threads or 1
    params.lora_adapters = [_lora(xllamacpp, adapter) for adapter in spec.adapters if adapter.scale]
    if spec.template:
        params.chat_template = Path(spec.template).read_text(encoding="utf-8")
    if spec.profile.deterministic:
        params.cache_prompt = False
        params.sampling.temp = 0.0
        params.sampling.seed = 0
    if spec.profile.embeddings or spec.profile.rerank:
        pooling = xllamacpp.llama_pooling_type
        params.embedding = True
        params.pooling_type = (
            pooling.LLAMA_POOLING_TYPE_RANK if spec.profile.rerank else pooling.LLAMA_POOLING_TYPE_MEAN
        )
        # An embedding's input must fit one physical batch.
        params.n_batch = params.n_ubatch = spec.profile.context
    return xllamacpp.Server(params)


def _lora(xllamacpp: Any, adapter: _Adapter) -> Any:
    info = xllamacpp.CommonAdapterLoraInfo()
    info.path, info.scale = adapter.path, adapter.scale
    return info


if __name__ == "__main__":
    main()
