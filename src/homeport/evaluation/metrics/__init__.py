"""What can be measured of an answer without asking a model: one metric a file; see `base` for what one must offer."""

SHARED = frozenset({"grams", "languages", "texts", "words_of_abuse"})
"""Modules here that are no metrics."""
