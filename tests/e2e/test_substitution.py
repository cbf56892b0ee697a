"""Real engines behind one provider name: llama.cpp in four bits, silently swapped for transformers in float32."""

import argparse
import sqlite3
from pathlib import Path

import pytest

from bench.substitution import House, Switch, pair_name, reference, swapped
from homeport.core.purposes import DRIFT_PROBE
from homeport.engines.interpreter import find_interpreter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_silent_swap_is_noticed_within_three_batches(tmp_path: Path) -> None:
    if not find_interpreter("test", None, [("transformers",)]).build:
        pytest.skip("transformers is not set up: run `make engines`")
    pair = ("Q4_1", "float32")
    options = argparse.Namespace(batches=8, repeats=1, minutes=0.2, method="")
    switch = Switch()
    house = House(tmp_path, [pair], switch)
    house.run("package", "pull", "smollm2")
    with house.up():
        with switch.to("Q4_1", house.config):
            found = reference(house, [pair_name(*pair)], options)
        with switch.to("float32", house.config):
            noticed = swapped(house, pair_name(*pair), options)
    switch.close()
    assert (found["batches"], found["false_alarms"]) == (8, 0)
    with sqlite3.connect(house.home / "homeport.db") as ledger:
        reasons = dict(ledger.execute("SELECT reason, COUNT(*) FROM requests GROUP BY reason"))
    assert reasons == {DRIFT_PROBE: found["search_questions"] + (8 + 4) * 20}, "who asked is known, and it is paid for"
    assert noticed["changed"]
    assert 0 < noticed["after_batches"] <= 3
