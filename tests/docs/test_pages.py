"""The pages hold together: every block is of a checked kind, links lead somewhere, tables are complete."""

import re
import tomllib
from pathlib import Path
from tempfile import gettempdir
from types import ModuleType

import msgspec
import pytest

from homeport.config.home import Home
from homeport.engines import external, llamacpp, transformers, vllm
from homeport.storage.tables import requests
from homeport.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

CHECKED = {"python", "sh", "yaml"}
SHOWN = {"console", "text", "toml"}
_FENCE = re.compile(r"^```(.*)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def read(*parts: str) -> str:
    return DOCS.joinpath(*parts).read_text(encoding="utf-8")


@pages
def test_every_block_names_a_known_language_and_is_closed(page: Path) -> None:
    fences = _FENCE.findall(page.read_text(encoding="utf-8"))
    assert set(fences[::2]) <= CHECKED | SHOWN
    assert set(fences[1::2]) <= {""}
    assert len(fences) % 2 == 0


@pages
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_readme_leads_to_every_page() -> None:
    linked = {ROOT / target for target in _LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert sorted({*PAGES} - linked - {ROOT / "README.md"}) == []


@pages
def test_no_page_mentions_the_machine_it_was_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert gettempdir() not in text


def test_blocks_of_the_root_pages_that_no_test_collects_are_only_shown() -> None:
    for name in ("CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"):
        assert set(_FENCE.findall((ROOT / name).read_text(encoding="utf-8"))) <= SHOWN | {""}


@pytest.mark.parametrize("engine", [llamacpp, transformers, vllm, external], ids=lambda engine: engine.__name__)
def test_every_engine_option_is_on_the_page_with_its_default(engine: ModuleType) -> None:
    name, profile = engine.__name__.rpartition(".")[2], engine.Profile
    section = read("reference", "engines.md").partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for field in msgspec.structs.fields(profile):
        (default,) = re.findall(rf"^\| `{field.name}` \| ([^|]*) \|", section, re.MULTILINE)
        written = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert default.strip("`") == written or field.default is None


def test_every_metric_is_on_the_page_with_its_type() -> None:
    page = read("reference", "metrics.md")
    kinds = re.findall(r"^# TYPE (\w+) (\w+)$", Metrics().page().decode(), re.MULTILINE)
    assert kinds
    for name, kind in kinds:
        assert name.endswith("_created") or f"| `{name}` | {kind} |" in page


def test_every_path_of_the_state_folder_is_on_the_page() -> None:
    page = read("reference", "state-folder.md")
    home = Home(Path("home"))
    names = [name for name, member in vars(Home).items() if isinstance(member, property)]
    assert names
    for name in names:
        path = getattr(home, name).relative_to(home.root)
        assert f"| `{path}` |" in page or f"| `{path}/" in page


def test_every_column_of_a_request_is_on_the_page() -> None:
    page = read("reference", "state-folder.md")
    assert [column.name for column in requests.columns if f"`{column.name}`" not in page] == []


def test_every_dependency_has_one_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"]]
    for group in (*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()):
        wanted += [entry for entry in group if isinstance(entry, str)]
    names = {re.split(r"[^a-z0-9-]", entry)[0] for entry in wanted}
    rows = re.findall(
        r"^\| ([a-z0-9-]+)(?: \(`\w+`\))? \|(?:[^|]*\|){5}$", read("decisions", "dependencies.md"), re.MULTILINE
    )
    assert sorted(rows) == sorted(names)
