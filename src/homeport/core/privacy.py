"""What may be done with a request's content, and what was found out about it. Never what was found itself."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from homeport.core.types import DataClass


class Action(StrEnum):
    """What is done with a request, from the least strict to the strictest.

    REDACT_AND_RESTORE: it may leave with placeholders for what was found; the answer gets the originals back.
    LOCAL_ONLY: it is answered at home or not at all. BLOCK: it is not answered.
    """

    ALLOW = "allow"
    REDACT_AND_RESTORE = "redact_and_restore"
    LOCAL_ONLY = "local_only"
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """0 for ALLOW, and rising."""
        return _STRICTNESS[self]


_STRICTNESS = {action: place for place, action in enumerate(Action)}


def strictest(actions: Iterable[Action]) -> Action:
    """The one that counts where several are asked for; ALLOW where none is."""
    return max(actions, key=lambda action: action.strictness, default=Action.ALLOW)


def data_class_of(action: Action) -> DataClass:
    """What the mask looks at: whether it may leave, redacted or not."""
    return DataClass.PRIVATE if action.strictness >= Action.LOCAL_ONLY.strictness else DataClass.OPEN


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request's privacy before it is decided where it goes.

    Attributes:
        data_class: what the mask looks at; PRIVATE never leaves home.
        classes: names of the data classes that it belongs to, besides `open`, sorted.
        found: names of the recognizers that found something a rule is about, sorted; never what they found.
        reason: why the action is not ALLOW, as a stable code with a name, such as `key:hipaa`,
            `content:payment_card` or `detector_failed`; "" for ALLOW.
    """

    action: Action = Action.ALLOW
    data_class: DataClass = DataClass.OPEN
    classes: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    reason: str = ""
