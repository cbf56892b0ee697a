"""Programs that run in the interpreter of an engine: they use the standard library, torch and transformers alone.

They read their launch as one JSON line on standard input, serve OpenAI's API on loopback behind a token, and end when
that input closes.
"""
