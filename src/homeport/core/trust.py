"""What becomes of a model package that nobody signed."""

from enum import StrEnum


class Unsigned(StrEnum):
    """What becomes of a package without a signature that counts."""

    REFUSE = "refuse"
    WARN = "warn"
    ALLOW = "allow"
