"""One policy a file; each module has `create(setup) -> Policy`: see base.py."""
