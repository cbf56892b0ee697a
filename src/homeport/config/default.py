"""The configuration that `homeport init` and a first `homeport up` write."""

import json
import re
from importlib.resources import files
from pathlib import Path


def default_yaml(*, hourly_cost_usd: str = "0.05", gguf: Path | None = None, only_local: bool = False) -> str:
    """Text of a first homeport.yaml, comments included.

    Args:
        hourly_cost_usd: what an hour of this machine costs, a decimal number.
        gguf: weights to use instead of the packaged ones.
        only_local: write no remote provider and no remote tier, so nothing can leave this machine.
    """
    text = files("homeport.config").joinpath("default.yaml").read_text(encoding="utf-8")
    text = _replace(r'(?<=hourly_cost_usd: )"0\.05"', json.dumps(hourly_cost_usd), text)
    if gguf is not None:
        name = re.sub(r"[^a-z0-9._-]+", "-", gguf.stem.lower()).strip("-._")[:60] or "model"
        source = json.dumps(f"file://{gguf.absolute()}")
        text = _replace(
            r"(?<=  smollm2:)[^\n]*\n    source: .*\n    sha256: .*\n    file: .*", f"\n    source: {source}", text
        )
        text = re.sub(r"\bsmollm2\b(?!\.)", name, text)
    if only_local:
        text = _replace(r"# --- Remote APIs(?s:.*?)(?=# --- Tiers)", "", text)
        text = _replace(r"  - name: mid\n(?s:.*?)(?=# Names your)", "", text)
        text = _replace(r"# It works(?s:.*?)(?=# After)", "# Nothing in it leaves this machine.\n", text)
    return text


def _replace(pattern: str, by: str, text: str) -> str:
    changed, count = re.subn(pattern, lambda _: by, text, count=1)
    if not count:
        raise AssertionError(f"default.yaml has nothing like {pattern}")
    return changed
