"""One policy a file; each module has `create(options) -> Policy`."""
