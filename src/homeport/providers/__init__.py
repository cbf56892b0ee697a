"""Remote API families, one module each. `core.discovery` finds them; see `base` for what one must offer."""

SHARED = frozenset({"answers", "frames", "http_api", "intact", "message_frames", "moderation", "response_frames"})
"""Modules that are no adapters, beside `base`."""
