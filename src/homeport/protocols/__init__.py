"""Translators between the wire formats of model APIs; OpenAI chat is the pivot. Pure: no I/O, no clock, no dice."""
