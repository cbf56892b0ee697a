"""Benchmarks of the data path, side by side with other proxies; see docs/explanation/benchmarks.md."""
