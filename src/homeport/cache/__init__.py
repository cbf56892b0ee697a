"""Answers from memory: exact, semantic and prefix caches."""
