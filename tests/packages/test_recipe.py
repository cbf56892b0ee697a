"""Recipes: what is read, and that what is wrong is told with its line."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.recipe import Recipe, read_recipe

_LEAST = "name: tiny\nversion: 1.0.0\nweights: tiny.gguf\n"
_BASE = "sha256:" + "a" * 64
_FULL = f"""
name: tiny
version: 1.0.0+cpu
description: A small one.
vertical: legal
licenses: [Apache-2.0, MIT]
created: 2026-10-01
weights: {{source: "pypi://tiny-weights==1.0", sha256: "{"0" * 64}", file: tiny/a.gguf}}
adapters: [lora.gguf, {{source: "https://example.org/b.gguf", sha256: "{"1" * 64}"}}]
tokenizer: [tokenizer.json]
template: chat.jinja
profiles: {{llamacpp: {{slots: 1, deterministic: true}}}}
prompts: prompts/a.md
suite: [suite/law.jsonl, suite/law.results.json]
card: README.md
docs: NOTICE
lineage: {{base: "{_BASE}", dataset: "{_BASE}", run: run-7}}
"""


def _read(folder: Path, text: str | bytes) -> Recipe:
    path = folder / "homeport.package.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_recipe(path)


def test_a_recipe_says_everything(tmp_path: Path) -> None:
    recipe = _read(tmp_path, _FULL)
    assert recipe.weights is not None
    assert (recipe.weights.source, recipe.weights.file) == ("pypi://tiny-weights==1.0", "tiny/a.gguf")
    assert [adapter.source for adapter in recipe.adapters] == ["lora.gguf", "https://example.org/b.gguf"]
    assert (recipe.prompts, recipe.docs) == (("prompts/a.md",), ("NOTICE",))
    assert recipe.profiles == {"llamacpp": {"slots": 1, "deterministic": True}}
    facts = recipe.facts
    assert (facts.version, facts.vertical, facts.licenses) == ("1.0.0+cpu", "legal", ("Apache-2.0", "MIT"))
    assert (facts.lineage.base, facts.lineage.run) == (_BASE, "run-7")
    assert facts.created == 1_790_812_800
    assert facts.recipe.startswith("sha256:")


def test_the_least_recipe_has_a_name_a_version_and_weights(tmp_path: Path) -> None:
    recipe = _read(tmp_path, _LEAST + "prompts:\n")
    assert (recipe.name, recipe.prompts, recipe.facts.created) == ("tiny", (), 0)


def test_the_recipes_on_the_page_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "build-a-model-package.md").read_text(encoding="utf-8")
    recipes = re.findall(r"^```text\n(name: .*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert [_read(tmp_path, recipe).name for recipe in recipes] == ["legal-small", "legal-leases"]


def test_every_key_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "packages.md").read_text(encoding="utf-8")
    assert all(f"| `{key}` |" in page for key in Recipe.model_fields if key != "digest")


WRONG = {
    "an unknown key": ("prompt: a.md\n", 'homeport.package.yaml:4:1 prompt: unknown key; did you mean "prompts"?'),
    "a key twice": ("name: other\n", ":4:1 name: duplicate key"),
    "the digest": (f"digest: {_BASE}\n", ":4:1 digest: unknown key"),
    "a path upward": ("card: ../README.md\n", ":4:7 card"),
    "an absolute path": ("suite: [a.jsonl, /etc/passwd]\n", ":4:18 suite[1]"),
    "a number for text": ("description: 7\n", ":4:14 description"),
    "two words": ("vertical: very legal\n", ":4:11 vertical: should be one word"),
    "no day": ("created: yesterday\n", ":4:10 created"),
    "no digest": ("lineage: {base: sha256:12}\n", ":4:17 lineage.base"),
    "a short pin": ("adapters: [{source: a.gguf, sha256: abc}]\n", ":4:37 adapters[0].sha256"),
    "profiles of numbers": ("profiles: {llamacpp: 7}\n", ":4:"),
    "a variable": ("card: ${HOME}\n", ":4: a recipe has no ${...}"),
    "a secret file": ("card: ${file:/etc/passwd}\n", ":4: a recipe has no ${...}"),
    "an anchor": ("card: &a x.md\n", ":4:7"),
    "two lines": ('description: "a\\nb"\n', ":4:14 description"),
}


@pytest.mark.parametrize(("line", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(PackageError) as caught:
        _read(tmp_path, _LEAST + line)
    assert caught.value.code == "package_recipe_invalid"
    assert told in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: tiny\nversion: 1.0.0\n", "needs `weights`"),
        ("name: tiny\nversion: 1.0.0\nadapters: [a.gguf]\n", "`lineage.base`"),
        ("name: Tiny!\nversion: 1.0.0\nweights: a\n", ":1:7 name"),
        ("name: tiny\nversion: 1.0\nweights: a\n", ":2:10 version"),
        ("name: tiny\nversion: a/b\nweights: a\n", ":2:10 version"),
        ("name: tiny\nversion: ''\nweights: a\n", ":2:10 version"),
        ("name: tiny\nversion: 1.0.0\nweights: oci://a.b/c:1\n", "needs its digest"),
        ("- a\n", "top level"),
        ("", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"#" * 2_000_000, "larger"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(PackageError) as caught:
        _read(tmp_path, text)
    assert caught.value.code == "package_recipe_invalid"
    assert told in caught.value.message


@pytest.mark.parametrize("path", ["nothing.yaml", ".", "a\0b"])
def test_a_recipe_that_is_not_there_is_missed(tmp_path: Path, path: str) -> None:
    with pytest.raises(PackageError) as caught:
        read_recipe(tmp_path / path)
    assert caught.value.code == "package_recipe_missing"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(sorted(Recipe.model_fields)), st.text(max_size=20), max_size=6).map(
        lambda fields: "".join(f"{key}: {value!r}\n" for key, value in fields.items()).encode("utf-8", "replace")
    )
)
def test_any_bytes_are_a_recipe_or_refused(tmp_path: Path, data: bytes) -> None:
    with suppress(PackageError):
        _read(tmp_path, data)
