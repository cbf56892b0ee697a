"""`homeport bench router`, on small sets that are made up."""

import gzip
import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from homeport.cli.commands import app
from homeport.cli.context import Context
from homeport.core.errors import ConfigError
from homeport.routing.benchmark import PUBLISHED, SETS

runner = CliRunner()


def bench(*options: str) -> str:
    return str(runner.invoke(app, ["bench", "router", *options], obj=Context(), catch_exceptions=False).stdout)


def sets(folder: Path) -> Path:
    """Three sets of 120 rows, in which long requests gain by the strong model."""
    dice = random.Random(1)
    for name in SETS:
        lines = []
        for place in range(120):
            length = dice.randrange(1, 50)
            weak, strong = int(dice.random() > length / 50), int(dice.random() < 0.95)
            row = {"prompt": "word " * length, "weak": weak, "strong": strong, "domain": f"subject {place % 8}"}
            if name == "mtbench":
                row |= {"turns": [row.pop("prompt"), "?"], "weak": [1 + 9 * weak, 5], "strong": [1 + 9 * strong, 5]}
            lines.append(json.dumps({**row, "contaminated": False}))
        (folder / f"routellm_{name}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


def test_every_router_on_every_set(tmp_path: Path) -> None:
    told = json.loads(bench("--folder", str(sets(tmp_path)), "--resamples", "40", "--json"))
    assert [*told["sets"]] == [*SETS]
    assert told["resamples"] == 40
    mmlu = told["sets"]["mmlu"]
    assert [*mmlu["routers"]] == [
        "random",
        "prompt length",
        "zero-shot",
        "in-domain",
        "in-domain by subject",
        "oracle",
    ]
    assert "in-domain by subject" not in told["sets"]["gsm8k"]["routers"]
    assert mmlu["routers"]["zero-shot"]["fitted_on"] == ["gsm8k", "mtbench"]
    assert mmlu["routers"]["zero-shot"]["chosen"] == ["length"]
    assert len(mmlu["routers"]["in-domain"]["chosen"]) == 5
    assert mmlu["routers"]["random"]["apgr"]["value"] == 0.5
    for name in SETS:
        routers = told["sets"][name]["routers"]
        assert routers["zero-shot"]["apgr"]["value"] >= routers["prompt length"]["apgr"]["value"] > 0.55
        assert routers["oracle"]["apgr"]["value"] >= max(router["apgr"]["value"] for router in routers.values())
        for router in routers.values():
            for figure in ("apgr", "cpt50", "cpt80"):
                assert router[figure]["low"] <= router[figure]["value"] <= router[figure]["high"]
        assert told["sets"][name]["published"].keys() == PUBLISHED[name].keys()
    assert {target["met"] for target in told["targets"] if target["router"] == "zero-shot"} == {True}
    shown = bench("--folder", str(tmp_path), "--resamples", "10")
    assert "RouteLLM BERT (published)" in shown
    assert "must not be below" in shown


def test_a_set_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        bench("--folder", str(tmp_path))
    assert caught.value.code == "recordings_missing"


def test_a_set_in_which_nobody_gains_is_told(tmp_path: Path) -> None:
    path = sets(tmp_path) / "routellm_gsm8k.jsonl.gz"
    same = json.dumps({"prompt": "p", "weak": 1, "strong": 1})
    path.write_bytes(gzip.compress("\n".join([same] * 99).encode()))
    with pytest.raises(ConfigError) as caught:
        bench("--folder", str(tmp_path))
    assert caught.value.code == "rows_without_gap"
