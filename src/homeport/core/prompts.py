"""What is kept of a prompt, to see whether later ones are like it."""

import msgspec


class PromptFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a prompt: no word of it, and yet something of what it says.

    Attributes:
        id: of its request, or what names it in a recording.
        digest: keyed hash of the text, white space aside: two prompts with one digest are the same.
        vector: its embedding, as half-precision numbers in little-endian order.
        words: keyed hashes of its words, four bytes each in little-endian order, ascending.
        octaves: log2 of 1 + its characters.
        language: its code in ISO 639-1; "" where it cannot be told.
    """

    id: str
    digest: bytes
    vector: bytes
    words: bytes
    octaves: float
    language: str
    form: str


class Reached(msgspec.Struct, frozen=True):
    """So many prompts of a key went to a route, as `tier/name`."""

    route: str
    key_id: str
    prompts: int
