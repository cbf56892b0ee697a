"""What changed between two packages."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.packages.base import FileRole, Lineage, PackageFacts, PackageSpec
from homeport.packages.compare import Change, compare
from homeport.packages.layout import Store
from tests.fakes.gguf import gguf
from tests.packages.conftest import Shelf

_PROMPT, _SUITE, _RESULTS = "prompts/a.md", "suite/a.jsonl", "suite/a.results.json"


def _suite(*cases: tuple[str, str]) -> bytes:
    return b"".join(json.dumps({"id": case, "prompt": text}).encode() + b"\n" for case, text in cases)


def _results(hits: int, engine: str = "llamacpp") -> bytes:
    return json.dumps({"runs": [{"build": {"name": engine}, "score": {"hits": hits, "of": 40}}]}).encode()


@pytest.fixture
def changes(store: Store, shelf: Shelf, spec: PackageSpec) -> dict[str, Change]:
    one = [
        shelf.weights(),
        shelf.file(FileRole.PROMPT, _PROMPT, b"Be short.\nBe kind.\n"),
        shelf.file(FileRole.SUITE, _SUITE, _suite(("a", "1"), ("b", "2"), ("c", "3"))),
        shelf.file(FileRole.SUITE, _RESULTS, _results(21)),
        shelf.file(FileRole.PROFILES, "homeport/engines.json", b'{"llamacpp": {"slots": 1}}'),
        shelf.doc(),
        shelf.doc(b"Old.", name="OLD"),
    ]
    two = [
        shelf.weights(gguf(data=bytes(2000))),
        shelf.file(FileRole.PROMPT, _PROMPT, b"Be short.\nBe honest.\n"),
        shelf.file(FileRole.SUITE, _SUITE, _suite(("a", "1"), ("b", "other"), ("d", "4"))),
        shelf.file(FileRole.SUITE, _RESULTS, _results(23)),
        shelf.file(FileRole.PROFILES, "homeport/engines.json", b'{"llamacpp": {"slots": 2}}'),
        shelf.doc(name="docs/LICENSE"),
        shelf.file(FileRole.TEMPLATE, "chat.jinja", b"{{ 1 }}"),
    ]
    store.add(spec, one, PackageFacts(version="1", licenses=("MIT",)))
    store.add(spec, two, PackageFacts(version="2", licenses=("Apache-2.0",), lineage=Lineage(run="run-7")))
    before, after = store.read("tiny:1"), store.read("tiny:2")
    assert before is not None
    assert after is not None
    assert compare(before, before) == ()
    found = compare(before, after)
    assert len({change.name or change.part for change in found}) == len(found)
    return {change.name or change.part: change for change in found}


def test_everything_that_changed_is_told_and_nothing_else(changes: dict[str, Change]) -> None:
    assert {name: (change.part, change.what) for name, change in changes.items()} == {
        "version": ("version", "changed"),
        "licences": ("licences", "changed"),
        "training run": ("training run", "changed"),
        "tiny.gguf": ("weights", "changed"),
        _PROMPT: ("prompt", "changed"),
        _SUITE: ("suite", "changed"),
        _RESULTS: ("suite", "changed"),
        "homeport/engines.json": ("profiles", "changed"),
        "docs/LICENSE": ("doc", "renamed"),
        "OLD": ("doc", "removed"),
        "chat.jinja": ("template", "added"),
    }
    assert (changes["licences"].before, changes["licences"].after) == ("MIT", "Apache-2.0")
    assert (changes["docs/LICENSE"].before, changes["docs/LICENSE"].after) == ("LICENSE", "docs/LICENSE")


def test_what_is_inside_is_told_in_words(changes: dict[str, Change]) -> None:
    assert changes[_PROMPT].detail[1:] == ("-Be kind.", "+Be honest.")
    assert changes[_SUITE].detail == ("1 new: d", "1 gone: c", "1 different: b")
    assert changes[_RESULTS].detail == ("llamacpp: 21 of 40 before, 23 of 40 after",)
    assert changes["tiny.gguf"].detail == (f"{len(gguf())} bytes before, {len(gguf()) + 400} after",)
    assert '+{"llamacpp": {"slots": 2}}' in changes["homeport/engines.json"].detail


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.sampled_from([_SUITE, _RESULTS]), st.text(max_size=200).filter(lambda text: "\0" not in text))
def test_any_text_can_be_compared(store: Store, shelf: Shelf, spec: PackageSpec, name: str, text: str) -> None:
    for version, data in (("1", _results(1)), ("2", text.encode())):
        files = [shelf.weights(), shelf.file(FileRole.SUITE, name, data)]
        store.add(spec, files, PackageFacts(version=version))
    before, after = store.read("tiny:1"), store.read("tiny:2")
    assert before is not None
    assert after is not None
    assert [change.what for change in compare(before, after)] == ["changed"] * (2 if data != _results(1) else 1)
    assert compare(after, before)


def test_a_long_difference_is_cut(store: Store, shelf: Shelf, spec: PackageSpec) -> None:
    for version in ("1", "2"):
        lines = "".join(f"{version} {number}\n" for number in range(500)).encode()
        files = [shelf.weights(), shelf.file(FileRole.PROMPT, _PROMPT, lines)]
        store.add(spec, files, PackageFacts(version=version))
    before, after = store.read("tiny:1"), store.read("tiny:2")
    assert before is not None
    assert after is not None
    (detail,) = (change.detail for change in compare(before, after) if change.part == "prompt")
    assert len(detail) == 41
    assert detail[-1] == "..."
