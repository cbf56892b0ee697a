"""The reference page says what the schema says."""

from pathlib import Path

from homeport.config.reference import markdown
from homeport.config.schema import Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "run: python -m homeport.config.reference > " + str(
        PAGE.name
    )


def test_every_key_has_a_meaning() -> None:
    rows = [line.split(" | ") for line in markdown().splitlines() if line.startswith("| `")]
    assert all(row[-1].strip(" |") for row in rows)
    assert "None" not in markdown()
    assert "Undefined" not in markdown()


def test_every_section_has_a_table() -> None:
    page = markdown()
    titles = {"packages": "packages.<name>", "engines": "engines.<name>", "providers": "providers.<name>"}
    titles["registries"] = "registries.<name>"
    for name in Settings.model_fields.keys() - {"aliases"}:
        title = f"{name}[]" if name in {"tiers", "slo", "prices", "currencies"} else titles.get(name, name)
        assert f"\n## `{title}`\n" in page
    assert "\n## `tiers[].targets[]`\n" in page
    assert "\n## `slo[].latency`\n" in page
    assert "| `hourly_cost_usd` | US dollars | required |" in page
    assert "| `paid_while_down` | `true` or `false` | `false` |" in page
    assert "| `jitter_seconds` | number, from 0, up to 10 | `0.0` |" in page
