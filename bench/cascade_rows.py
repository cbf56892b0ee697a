"""`make cascade-rows`: a recording for `homeport bench cascade`, made with real engines.

Three configurations of two small models answer the same questions, greedily, through a running gateway:
`smollm2` (SmolLM2-135M-Instruct as a chat, no examples), `smollm2-examples` (the same weights, five solved
questions before each) and `gemma` (Gemma 3 270M, a base model, five solved questions). `logconf` is the mean
log-probability of the answer's tokens as the engine tells them, `correct` compares with the known answer, and
`cost_usd` is what the gateway's receipt says: the machine's hourly price, $0.05, for the time that the engine worked.

It goes to bench/results/cascade_rows.jsonl.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench import results
from bench.questions import Item, is_right, make_examples, make_questions
from bench.small_models import Asker, start_models

_MOST_TOKENS = 24
_EXAMPLES = 5
_TRAIN_SHARE = 0.5


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
    with tempfile.TemporaryDirectory() as folder, start_models(Path(folder), options.gemma) as asker:
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


def _graded(asker: Asker, asked: Asked, item: Item, seed: int) -> dict[str, Any]:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
