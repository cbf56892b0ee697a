"""What private data looks like: one kind a file. `core.discovery` finds them; see `base` for what one must offer."""

SHARED = frozenset({"checksums", "identifiers"})
"""Modules here that are no recognizers."""

BY_NAME_ONLY = frozenset({"age", "domain_name", "street_address", "title", "url", "zip_code"})
"""Recognizers that go by form alone and find much that is nobody's secret: only who names one gets it."""
