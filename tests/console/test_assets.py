"""Static files: what is from elsewhere is as it was published, with its licence."""

from hashlib import sha256
from importlib.resources import files

import pytest

from homeport.console.assets import read_assets

FOLDER = files("homeport.console").joinpath("static")
VENDORED = {
    # npm htmx.org 2.0.11, dist/htmx.min.js
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    # vl-convert-python 1.9.0, by tools/vega.py
    "vega.min.js": "dc670b7428337792bdde6b1d4ca314a06fc2924b87337fd8a685d098e290eaa2",
    # npm htmx-ext-sse 2.2.4, dist/sse.min.js
    "htmx-sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}


@pytest.mark.parametrize("name", VENDORED)
def test_what_is_from_elsewhere_is_as_published(name: str) -> None:
    assert sha256(FOLDER.joinpath(name).read_bytes()).hexdigest() == VENDORED[name]


def test_every_minified_file_is_known_and_has_its_licence() -> None:
    minified = {name for name in read_assets() if name.endswith(".min.js")}
    assert minified <= set(VENDORED)
    licences = {item.name for item in FOLDER.iterdir() if item.name.startswith("LICENSE.")}
    assert {f"LICENSE.{name.removesuffix('.min.js')}" for name in minified} <= licences


def test_licences_are_not_served() -> None:
    assert not [name for name in read_assets() if name.startswith("LICENSE")]


def test_an_address_names_the_content() -> None:
    versions = [asset.version for asset in read_assets().values()]
    assert len({*versions}) == len(versions)
