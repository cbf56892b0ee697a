"""The reference page has every fault, setting and mode."""

import re
from pathlib import Path

import pytest

from homeport.sim.faults import KINDS
from homeport.sim.listener import Mode
from homeport.sim.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_is_on_the_page_as_it_describes_itself(name: str) -> None:
    default = KINDS[name].default
    shown = default if isinstance(default, str) else "forever" if default == 86_400 else f"{default:.15g}"
    value = f"`{shown}`" if "VALUE" in KINDS[name].meaning else ""
    assert f"| `{name}` | {value} | {KINDS[name].meaning} |" in PAGE


def test_no_fault_on_the_page_is_invented() -> None:
    table = PAGE.partition("## Faults")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE)) == set(KINDS)


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_is_on_the_page(mode: Mode) -> None:
    assert f"| `{mode.value}` |" in PAGE
