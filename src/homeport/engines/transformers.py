"""transformers: the reference implementation of most models, in a child process of its own interpreter.

It answers one request at a time, token by token, with every log-probability: it is the engine to compare others with,
to look inside a model, and to debug an answer. It is no engine for traffic.
"""

import os
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
from homeport.engines.interpreter import find_interpreter

_LIBRARIES = (("transformers",), ("torch",))
_TEXT_MODEL = frozenset({Capability.LOGPROBS})


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `engines.NAME.profile`.

    Attributes:
        slots: requests computed at once; they share the threads, so more than one is slower for each.
        context: tokens of prompt and answer together; left out, 4096 or what the model was trained for.
        dtype: numbers that it computes with.
        threads: CPU threads; None takes all cores but one.
        deterministic: one request at a time, only operations that repeat, temperature 0 and seed 0 where a request
            says nothing else.
        python: the interpreter that has transformers and torch; None for this one, or the one `make engines` makes.
    """

    slots: Annotated[int, Meta(ge=1, le=64)] = 1
    context: Annotated[int, Meta(ge=16, le=1_048_576)] | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    deterministic: bool = False
    python: str | None = None


class _Spec(msgspec.Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]
    port: int
    token: str
    folder: DerivedFolder
    slots: int
    context: int
    dtype: str
    threads: int
    deterministic: bool


def render(setup: EngineSetup) -> Launch:
    """The child's launch: a loopback server on a fixed port that asks for a token."""
    profile: Profile = settle(setup)
    python = find_interpreter(setup.name, profile.python, _LIBRARIES)
    context = context_of(setup, profile.context)
    spec = _Spec(
        names=names_of(setup),
        port=setup.port,
        token=setup.token,
        folder=derived_folder(setup),
        slots=profile.slots,
        context=context,
        dtype=profile.dtype,
        threads=profile.threads or 1,
        deterministic=profile.deterministic,
    )
    endpoint = started_endpoint(
        setup,
        fingerprint_of("transformers", python.build, setup, profile),
        slots=profile.slots,
        context=context,
        capabilities=_TEXT_MODEL,
    )
    return child_launch(endpoint, python.command("transformers_server"), spec)


def settle(setup: EngineSetup) -> Profile:
    """The profile with what depends on this machine, so that the fingerprint has it."""
    profile: Profile = profile_of(setup, Profile)
    threads = profile.threads or max(1, (os.cpu_count() or 1) - 1)
    if not profile.deterministic:
        return msgspec.structs.replace(profile, threads=threads)
    refuse_slots(setup, profile.slots)
    return msgspec.structs.replace(profile, threads=threads, slots=1)
