"""Weights from web sites and the hub: cut, led on, refused, and asked for with a token that nobody else sees."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.core.errors import PackageError
from homeport.packages import web_file
from homeport.packages.access import Access
from homeport.packages.base import PackageSpec, SilentProgress
from homeport.packages.sources import hf, https
from tests.fakes.gguf import gguf
from tests.fakes.registry import Exchange, FakeRegistry, cut_after, running

COMMIT = "0123456789" * 4
PATH = f"/org/tiny/resolve/{COMMIT}/tiny.gguf"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        server.files[PATH] = gguf()
        yield server


@pytest.fixture
def spec(fake: FakeRegistry) -> PackageSpec:
    return PackageSpec(
        name="tiny",
        source=f"hf://org/tiny@{COMMIT}/tiny.gguf",
        sha256=hashlib.sha256(gguf()).hexdigest(),
        access=Access(hf_endpoint=f"http://{fake.host}", hf_token="top-secret"),
    )


def fetched(spec: PackageSpec, folder: Path) -> bytes:
    (file,) = hf.fetch(spec, folder, SilentProgress())
    return file.path.read_bytes()


def refusal(spec: PackageSpec, folder: Path) -> PackageError:
    with pytest.raises(PackageError) as caught:
        hf.fetch(spec, folder, SilentProgress())
    assert list(folder.iterdir()) == []
    assert "top-secret" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def test_a_cut_file_goes_on_where_it_was_cut(fake: FakeRegistry, spec: PackageSpec, tmp_path: Path) -> None:
    fake.fault("GET", "", cut_after(100), times=2)
    assert fetched(spec, tmp_path) == gguf()
    assert [headers.get("range") for _, _, headers in fake.asked] == [None, "bytes=100-", "bytes=200-"]


def test_a_file_that_is_always_cut_is_given_up(fake: FakeRegistry, spec: PackageSpec, tmp_path: Path) -> None:
    fake.fault("GET", "", cut_after(1), times=100)
    assert refusal(spec, tmp_path).code == "package_source_unreachable"


def test_the_token_stays_with_the_hub(fake: FakeRegistry, spec: PackageSpec, tmp_path: Path) -> None:
    with running() as other:
        other.files["/blob"] = gguf()

        def lead_on(asked: Exchange) -> bool:
            return asked.answer(302, Location=f"http://{other.host}/blob")

        fake.fault("GET", PATH, lead_on)
        assert fetched(spec, tmp_path) == gguf()
        names = [{name.lower() for name in headers} for _, _, headers in (fake.asked[0], other.asked[0])]
        assert ["authorization" in each for each in names] == [True, False]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "registry_denied"), (404, "package_not_found"), (500, "package_source_unreachable")],
)
def test_what_the_hub_says_is_told(
    fake: FakeRegistry, spec: PackageSpec, tmp_path: Path, status: int, code: str
) -> None:
    fake.fault("GET", "", lambda asked: asked.answer(status), times=10)
    assert refusal(spec, tmp_path).code == code


def test_more_than_may_be_is_refused_before_it_comes(
    fake: FakeRegistry, spec: PackageSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_file, "MAX_WEIGHTS_BYTES", len(gguf()) - 1)
    assert refusal(spec, tmp_path).code == "package_too_large"


def test_nothing_is_fetched_that_nothing_pins(fake: FakeRegistry, tmp_path: Path) -> None:
    for source, module in ((f"hf://org/tiny@{COMMIT}/tiny.gguf", hf), ("https://models.example.org/a.gguf", https)):
        with pytest.raises(PackageError) as caught:
            module.fetch(PackageSpec(name="tiny", source=source), tmp_path, SilentProgress())
        assert caught.value.code == "package_source_invalid"
    assert fake.asked == []
