"""Real texts that prompts are made of: clauses of contracts, questions about code, and others."""

import ast
import csv
import gzip
import inspect
import json
import random
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from homeport.core.prompts import PromptFeatures
from homeport.drift.prompt_features import PromptReader
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
_LONGEST_FIELD = 1 << 24
_SHORTEST = 40
_GERMAN = (
    "Der Anbieter kann diese Bedingungen jederzeit mit einer Frist von vier Wochen ändern.",
    "Der Vertrag verlängert sich um ein weiteres Jahr, wenn er nicht drei Monate vor seinem Ende gekündigt wird.",
    "Die Haftung für leichte Fahrlässigkeit ist ausgeschlossen, soweit keine wesentlichen Pflichten verletzt werden.",
    "Wir erheben personenbezogene Daten, wenn Sie ein Konto anlegen oder eine Bestellung aufgeben.",
    "Der Kunde räumt dem Anbieter ein einfaches, nicht übertragbares Recht an den hochgeladenen Inhalten ein.",
    "Für alle Streitigkeiten aus diesem Vertrag gilt deutsches Recht, der Gerichtsstand ist Berlin.",
    "Eine Weitergabe der Daten an Dritte findet nur statt, wenn Sie eingewilligt haben oder ein Gesetz es verlangt.",
    "Der Nutzer darf den Dienst nicht verwenden, um Rechte anderer zu verletzen oder Schadsoftware zu verbreiten.",
    "Sie können Ihre Einwilligung jederzeit widerrufen, ohne dass die frühere Verarbeitung dadurch rechtswidrig wird.",
    "Zahlungen sind innerhalb von vierzehn Tagen nach Zugang der Rechnung ohne Abzug fällig.",
    "Cookies werden gespeichert, damit wir Sie beim nächsten Besuch unserer Seiten wiedererkennen.",
    "Der Anbieter darf ein Konto sperren, wenn der Verdacht besteht, dass es missbraucht wird.",
    "Sollte eine Bestimmung unwirksam sein, so bleiben die übrigen Bestimmungen dieses Vertrages davon unberührt.",
    "Die Gewährleistung richtet sich nach den gesetzlichen Vorschriften, soweit hier nichts anderes vereinbart ist.",
    "Minderjährige dürfen den Dienst nur mit der Zustimmung ihrer Eltern nutzen.",
    "Nach dem Ende des Vertrages werden alle Daten gelöscht, die wir nicht länger aufbewahren müssen.",
)


def reader() -> PromptReader:
    """What reads the features of prompts."""
    return PromptReader(StaticEmbedder(), language_of, b"bench")


def read(name: str, texts: Sequence[str]) -> list[PromptFeatures]:
    """Features of texts, with `NAME:NUMBER` as their ids."""
    return reader().read([(f"{name}:{number}", text) for number, text in enumerate(texts)])


def contracts(data: Path) -> dict[str, list[str]]:
    """Clauses of terms of service and privacy policies, by the document they are of."""
    found: dict[str, list[str]] = {}
    for line in (data / "contracts" / "plain_english_contracts.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["doc"], []).append(row["original_text"])
    return found


def puzzles(data: Path) -> list[str]:
    """What two models were asked to program, of LeetCode."""
    usual = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with gzip.open(data / "drift" / "llmdrift" / "LEETCODE_EASY_EVAL.csv.gz", "rt", encoding="utf-8") as file:
            return sorted({row["query"] for row in csv.DictReader(file)})
    finally:
        csv.field_size_limit(usual)  # it is everybody's


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


def joined(texts: Sequence[str], rng: random.Random, times: int = 3) -> list[str]:
    """As many prompts, each of several texts."""
    return ["\n\n".join(rng.sample(list(texts), times)) for _ in texts]


def spliced(texts: Sequence[str], rng: random.Random, count: int) -> list[str]:
    """Clauses that nobody wrote: each of two to five sentences of different ones."""
    sentences = [part for text in texts for part in text.split(". ") if len(part) > _SHORTEST]
    return [". ".join(rng.sample(sentences, rng.randint(2, 5))) for _ in range(count)]


def german(rng: random.Random, count: int) -> list[str]:
    """Clauses of contracts in German."""
    return [" ".join(rng.sample(_GERMAN, rng.randint(2, 4))) for _ in range(count)]
