"""Who works with the console, and what they may."""

from enum import StrEnum


class Role(StrEnum):
    """What a person may, each as much as the one before and more."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Its place, from 0."""
        return list(Role).index(self)

    def allows(self, least: "Role") -> bool:
        """Whether it is `least` or more."""
        return self.rank >= least.rank
