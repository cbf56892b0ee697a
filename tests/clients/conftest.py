"""The running program of tests/e2e, for real client libraries."""

from tests.e2e.conftest import new_program, package_store, program

__all__ = ["new_program", "package_store", "program"]
