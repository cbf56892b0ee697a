"""Recorded answers that are made up: long requests and those that name a hard word gain by the strong model."""

import json
import random
from pathlib import Path

_HARD, _EASY = ("prove", "integral", "lemma"), ("weather", "hello", "colour")


def recorded(count: int, seed: int = 1, test_share: float = 0.0) -> list[dict[str, object]]:
    """Rows of three models, `small`, `middle` and `large`."""
    dice = random.Random(seed)
    return [_row(dice, test_share) for _ in range(count)]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _row(dice: random.Random, test_share: float) -> dict[str, object]:
    hard = dice.random() < 0.5
    words = [dice.choice(_HARD if hard else _EASY), *(dice.choice("abcdefgh") for _ in range(dice.randrange(3, 40)))]
    dice.shuffle(words)
    chances = {"large": 0.95, "small": 0.45 if hard else 0.93, "middle": 0.7 if hard else 0.94}
    return {
        "split": "test" if dice.random() < test_share else "train",
        "prompt": " ".join(words),
        "models": {
            name: {"correct": int(dice.random() < chance), "logconf": None, "cost_usd": 0.001}
            for name, chance in chances.items()
        },
    }
