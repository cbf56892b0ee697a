"""Files as those that `homeport bench drift` reads, made up: small, and of known figures."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FIELDS = ("model", "dataset", "id", "answer", "ref_answer")


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], fields: Sequence[str] = FIELDS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") if path.suffix == ".gz" else path.open("w") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)
    return path


def prime_rows(before: float, after: float, inputs: int = 200, model: str = "o/m") -> list[dict[str, str]]:
    """Of each version so many answers are right, those of the first inputs; every third input is no prime."""
    rows = []
    for version, share in (("0301", before), ("0613", after)):
        for number in range(inputs):
            right = number < share * inputs
            truth = "yes" if number % 3 else "No"
            said = truth if right else ("No" if number % 3 else "Yes")
            named = {"model": f"{model}-{version}", "dataset": "prime", "id": str(number), "ref_answer": truth}
            rows.append({**named, "answer": f"Let me think. [Maybe]\n17 is... so [{said}]"})
    return rows


def write_samples(path: Path, prompts: int = 8, samples: int = 60, seed: int = 3) -> Path:
    """Token numbers at T=1: a few ways to begin, no two ways to go on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = []
    for prompt in range(prompts):
        completions = [[int(rng.integers(4)), *rng.integers(30_000, size=12).tolist()] for _ in range(samples)]
        lines.append(json.dumps({"prompt_id": prompt, "L": 13, "completions": completions}))
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def tables(deviations: Sequence[int] = (40,), queries: int = 45) -> dict[str, object]:
    """Queries an hour apart; those whose numbers are named have the other table."""
    return {
        "endpoint": "m @ p",
        "baseline_table": {"a": -0.35, "b": -1.97},
        "transient_table_2026-08-12": {"a": -0.09, "b": -3.6},
        "queries_2026_08": [
            [moment, "a", "transient" if hour in deviations else "baseline"]
            for hour in range(queries)
            for moment in (f"2026-08-{1 + hour // 24:02} {hour % 24:02}:10:00",)
        ],
    }


def write_tables(path: Path, told: Mapping[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def write_all(folder: Path) -> Path:
    """A folder of all three kinds."""
    write_csv(folder / "llmdrift" / "PRIME_EVAL.csv.gz", prime_rows(0.85, 0.5))
    write_samples(folder / "llama70b_fp8_samples" / "m.jsonl.gz")
    write_tables(folder / "trackllm_lt" / "m.json", tables())
    return folder
