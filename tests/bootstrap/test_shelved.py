"""The packages of the store, with who signed them, as the process that starts engines tells a gateway."""

from pathlib import Path

import msgspec
import pytest
from tests.fakes.gguf import gguf
from tests.packages.conftest import Shelf

from homeport import bootstrap
from homeport.bootstrap.shelved import ShelvedPackage, SuiteRun, shelved_packages
from homeport.config.home import Home
from homeport.config.load import Environment, load
from homeport.config.schema import Settings
from homeport.evaluation.results import Build, CaseResult, Recorded, Results, share_of
from homeport.packages.base import FileRole, PackageSpec, SilentProgress
from homeport.packages.keys import make_key
from homeport.packages.layout import Store

KEY = make_key()
CONFIG = """\
packages:
  tiny: {{source: {folder}/tiny.gguf}}
engines:
  tiny: {{engine: llamacpp, package: tiny, hourly_cost_usd: "0"}}
tiers:
  - {{name: local, targets: [{{model: tiny, engine: tiny}}]}}
trust: {trust}
"""
TRUST = f"{{keys: {{release: {{public_key: {KEY.public.line}}}}}, rules: [{{packages: [tiny], keys: [release]}}]}}"


def settings(folder: Path, trust: str = TRUST) -> Settings:
    path = folder / "homeport.yaml"
    path.write_text(CONFIG.format(folder=folder, trust=trust))
    return load(path, Environment(home=folder, variables={}))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    home = Home(tmp_path / "home")
    home.create()
    bootstrap.pull_package(settings(tmp_path, "{}"), home, "tiny", SilentProgress())
    return home


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "shelf").mkdir()
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def spec() -> PackageSpec:
    return PackageSpec(name="tested", source="pypi://tiny-weights==1.0", sha256="0" * 64)


def test_what_nobody_signed_has_a_doubt_where_a_signature_is_asked_for(home: Home, tmp_path: Path) -> None:
    [unasked] = shelved_packages(settings(tmp_path, "{}"), home)
    assert (unasked.name, unasked.in_use, unasked.signers, unasked.doubt) == ("tiny", True, (), "")
    assert unasked.digest.startswith("sha256:")
    [asked] = shelved_packages(settings(tmp_path), home)
    assert asked.signers == ()
    assert "sign" in asked.doubt


def test_who_signed_is_named(home: Home, tmp_path: Path) -> None:
    bootstrap.sign_stored(home, "tiny", KEY)
    [package] = shelved_packages(settings(tmp_path), home)
    assert (package.signers, package.doubt) == (("release",), "")


def test_what_it_carries_of_its_own_suites_is_told(home: Home, tmp_path: Path, shelf: Shelf, spec: PackageSpec) -> None:
    def run(name: str, *answers: str) -> Recorded:
        cases = tuple(CaseResult(id=str(place), answer=text, passed=text == "a") for place, text in enumerate(answers))
        return Recorded(build=Build(name=name), score=share_of([case.passed for case in cases]), cases=cases)

    results = Results(suite="s", runs=(run("llamacpp", "a", "b"), run("vllm", "a", "a")))
    files = [shelf.weights(), shelf.file(FileRole.SUITE, "suites/s.json", msgspec.json.encode(results))]
    Store(home.packages).add(spec, files)
    found = {one.name: one.tests for one in shelved_packages(settings(tmp_path, "{}"), home)}
    assert found == {
        "tiny": (),
        "tested": (
            SuiteRun(build="llamacpp", passed=1, of=2, same=None),
            SuiteRun(build="vllm", passed=2, of=2, same=1),
        ),
    }


def test_results_that_cannot_be_read_are_a_doubt(home: Home, tmp_path: Path, shelf: Shelf, spec: PackageSpec) -> None:
    files = [shelf.weights(), shelf.file(FileRole.SUITE, "suites/s.json", b"[")]
    Store(home.packages).add(spec, files)
    [found] = [one for one in shelved_packages(settings(tmp_path, "{}"), home) if one.name == "tested"]
    assert "suites/s.json" in found.doubt


def test_it_is_what_an_order_carries(home: Home, tmp_path: Path) -> None:
    told = msgspec.json.encode(shelved_packages(settings(tmp_path, "{}"), home))
    assert msgspec.json.decode(told, type=tuple[ShelvedPackage, ...]) == shelved_packages(
        settings(tmp_path, "{}"), home
    )
