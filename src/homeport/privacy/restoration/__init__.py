"""Answers with originals in them: whole ones, and streams in the words of each API."""
