"""Fuzzing of every parser that strangers' bytes reach. See docs/explanation/fuzzing.md."""
