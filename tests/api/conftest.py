"""A fresh database at the newest schema."""

from tests.storage.conftest import engine

__all__ = ["engine"]
