"""What private data looks like: one kind a file. `core.discovery` finds them; see `base` for what one must offer."""
