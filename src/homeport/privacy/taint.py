"""Once private, always private: what is remembered of conversations, by their fingerprints.

A conversation that was private in one turn is private in every later one, whether that says so or not. What is
remembered is who asked and a digest of what was said, never what it was.
"""

from collections.abc import Sequence

import msgspec

from homeport.core.privacy import Action
from homeport.core.types import Inference
from homeport.privacy.fingerprints import fingerprints, named

STICKY = frozenset({Action.REDACT_AND_RESTORE, Action.LOCAL_ONLY})
"""What holds for the rest of a conversation. What was blocked has not become part of one."""


class Trail(msgspec.Struct, frozen=True):
    """What a request can be known by.

    Attributes:
        chain: of its messages, as `fingerprints` gives it.
        names: of the conversation and the answer that it goes on with.
    """

    chain: tuple[bytes, ...] = ()
    names: tuple[bytes, ...] = ()

    @property
    def known_by(self) -> Sequence[bytes]:
        """Whatever may have been remembered of an earlier turn, or of this one."""
        return (*self.chain, *self.names)


def trail(inference: Inference, scope: str) -> Trail:
    """The trail of a request. Conversations of different scopes have nothing to do with each other."""
    return Trail(fingerprints(inference, scope), named(inference, scope))
