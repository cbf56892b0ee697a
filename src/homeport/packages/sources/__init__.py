"""Where weights come from: one file for each URL scheme, found by `core.discovery`."""
