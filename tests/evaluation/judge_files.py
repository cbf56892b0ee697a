"""Recordings of judges that are made up."""

import random
from pathlib import Path


def battles(path: Path, knows: dict[str, float], *, rows: int = 300, seed: int = 1) -> Path:
    """Model x wins 40 of 100 battles with y; a judge knows the winner with its probability, else it picks A mostly."""
    dice = random.Random(seed)
    lines = ["id,pair,model_a,model_b,human_winner,judge,judge_pick"]
    for place in range(rows):
        turned, wins = dice.random() < 0.5, dice.random() < 0.4
        models, winner = ("y,x", "A" if not wins else "B") if turned else ("x,y", "A" if wins else "B")
        for judge, share in knows.items():
            pick = winner if dice.random() < share else "A" if dice.random() < 0.7 else "B"
            lines.append(f"{place},x_vs_y,{models},model_{winner.lower()},{judge},{pick}")
    path.write_text("\n".join(lines))
    return path


def verdicts(path: Path, knows: dict[str, float], *, rows: int = 120, seed: int = 2) -> Path:
    """Output 1 is better 55 times of 100; a judge that does not know says what comes first, in either order."""
    dice = random.Random(seed)
    lines = ["dataset,item,human_label,judge,prompting,verdict_ab,verdict_ba_unswapped"]
    for place in range(rows):
        label = 1 if dice.random() < 0.55 else 2
        for judge, share in knows.items():
            said = (label, label) if dice.random() < share else (1, 2)
            lines.append(f"d,{place},{label},{judge},plain,{said[0]},{said[1]}")
    path.write_text("\n".join(lines))
    return path
