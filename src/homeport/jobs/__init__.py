"""Background work, in a process of its own."""
