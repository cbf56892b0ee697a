"""Remote API families, one module each. `core.discovery` finds them; see `base` for what one must offer."""
