"""Engines that run on machines of our own: one adapter a file."""

SHARED = frozenset({"health", "supervisor"})
"""Modules that are no adapters, beside `base`."""
