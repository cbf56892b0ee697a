"""The simulated upstream as a server of its own: real providers' dialects, and every way to fail on purpose."""
