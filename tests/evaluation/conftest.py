"""Packages to evaluate are made as the tests of packages make them."""

from tests.packages.conftest import shelf, spec, store

__all__ = ["shelf", "spec", "store"]
