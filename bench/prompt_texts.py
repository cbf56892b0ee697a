"""Real texts that prompts are made of: clauses of contracts, questions about code, and others."""

import ast
import csv
import gzip
import inspect
import json
import random
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from homeport.drift.prompt_features import PromptFeatures, PromptReader
from homeport.embeddings.static import StaticEmbedder
from homeport.evaluation.metrics.languages import language_of

_MODULES = (
    "argparse", "bisect", "calendar", "configparser", "csv", "difflib", "fractions", "gzip", "heapq", "inspect",
    "logging", "mailbox", "optparse", "pathlib", "pprint", "queue", "random", "shutil", "statistics", "string",
    "tarfile", "textwrap", "threading", "trace", "urllib.parse", "uuid", "zipfile",
)  # fmt: skip
_ASKED = (
    "What does this function do?\n\n```python\n{}\n```",
    "Can you write unit tests for this code?\n\n{}",
    "Why is this slow, and how would you rewrite it?\n\n```\n{}\n```",
    "Explain this to me line by line:\n{}",
)
_LONGEST = 3_000


def reader() -> PromptReader:
    """What reads the features of prompts."""
    return PromptReader(StaticEmbedder(), language_of, b"bench")


def read(texts: Sequence[str]) -> list[PromptFeatures]:
    """Features of texts, with the text's number as their id."""
    return reader().read([(str(number), text) for number, text in enumerate(texts)])


def contracts(data: Path) -> dict[str, list[str]]:
    """Clauses of terms of service and privacy policies, by the document they are of."""
    found: dict[str, list[str]] = {}
    for line in (data / "contracts" / "plain_english_contracts.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["doc"], []).append(row["original_text"])
    return found


def puzzles(data: Path) -> list[str]:
    """What two models were asked to program, of LeetCode."""
    csv.field_size_limit(1 << 24)
    with gzip.open(data / "drift" / "llmdrift" / "LEETCODE_EASY_EVAL.csv.gz", "rt", encoding="utf-8") as file:
        return sorted({row["query"] for row in csv.DictReader(file)})


def functions(rng: random.Random, count: int = 300) -> list[str]:
    """Questions about functions of Python's own library."""
    found = sorted(source for name in _MODULES for source in _sources(name))
    return [rng.choice(_ASKED).format(source) for source in rng.sample(found, min(count, len(found)))]


def _sources(name: str) -> Iterator[str]:
    text = inspect.getsource(import_module(name))
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        source = textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno]))
        if 200 <= len(source) <= _LONGEST:
            yield source


def exams(data: Path, *domains: str) -> list[str]:
    """Questions of examinations with their choices, of MMLU."""
    with gzip.open(data / "routing" / "routellm_mmlu.jsonl.gz", "rt", encoding="utf-8") as file:
        return [row["prompt"] for row in map(json.loads, file) if row["domain"] in domains]


def sums(data: Path) -> list[str]:
    """Exercises in arithmetic, of GSM8K."""
    with gzip.open(data / "routing" / "routellm_gsm8k.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line)["prompt"] for line in file]


def longer(texts: Sequence[str], rng: random.Random, times: int = 3) -> list[str]:
    """As many prompts, each of several texts."""
    return ["\n\n".join(rng.sample(list(texts), times)) for _ in texts]


if __name__ == "__main__":
    print(*functions(random.Random(1), int(sys.argv[1])), sep="\n----\n")
