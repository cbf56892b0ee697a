"""Homeport: from an LLM API prototype to hardened production."""

__version__ = "0.1.0"
