"""Engines that run on machines of our own: one adapter a file."""

SHARED = frozenset(
    {
        "children",
        "client",
        "derived",
        "health",
        "interpreter",
        "pool",
        "processes",
        "recommended",
        "scoring",
        "speed",
        "standalone",
        "supervisor",
    }
)
"""Modules that are no adapters, beside `base`."""
