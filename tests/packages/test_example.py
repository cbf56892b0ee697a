"""The package that the examples have: built from its real source."""

from pathlib import Path

import pytest

from homeport.packages.assemble import build_recipe
from homeport.packages.base import FileRole, SilentProgress, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.recipe import read_recipe
from homeport.packages.verify import verify

_RECIPE = Path(__file__).parents[2] / "examples" / "packages" / "smollm2" / "homeport.package.yaml"


def test_the_example_names_files_that_are_there() -> None:
    recipe = read_recipe(_RECIPE)
    named = [recipe.template, recipe.card, *recipe.prompts, *recipe.suite]
    assert all((_RECIPE.parent / str(name)).is_file() for name in named)


@pytest.mark.slow
def test_the_example_is_built_from_what_was_pulled(smollm2: tuple[Store, StoredPackage]) -> None:
    store, pulled = smollm2
    built = build_recipe(store, _RECIPE, SilentProgress())
    assert store.get("smollm2") == pulled, "a build does not change what is in use"
    assert verify(store, f"smollm2:{built.version}") == built
    assert built.weights == pulled.weights
    assert (built.licenses, built.vertical, built.context_length) == (("Apache-2.0",), "general", 8192)
    roles = {file.role for file in built.files}
    wanted = {FileRole.WEIGHTS, FileRole.TEMPLATE, FileRole.PROFILES, FileRole.PROMPT, FileRole.SUITE, FileRole.DOC}
    assert roles == wanted
    store.remove("smollm2", built.version)
