"""Programs that drive other semantic caches, each in a virtual environment of its own."""
