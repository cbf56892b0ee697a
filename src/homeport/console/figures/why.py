"""Why a request went where it went, as a sentence: what the words of the header `x-homeport-reason` mean."""

from collections.abc import Mapping

_SAID: Mapping[str, str] = {
    "pinned": "The request named {0} itself, so no policy chose",
    "weighted": "By its share of the traffic it went to {0}",
    "session": "The conversation had begun at the tier {0}, and stays there",
    "explore": "It was sent to the tier {0} to learn how good answers are there",
    "budget": "The budget {0} leaves only models at home",
    "restarted": "{0} was asked again, for its engine had come back ({1})",
    "again": "{0} was asked again after a failure ({1})",
    "hedge": "Two models were asked at once, and {0} was quicker",
    "new_version": "The version of {0} that the conversation began on is gone, so it began anew",
    "failover": "{0} was to answer and could not ({1}), so the next one did",
    "replay": "Somebody asked it again from the console",
}
"""By the first word of a reason."""


_WITH_CODE = frozenset({"restarted", "again", "failover"})
"""What went wrong is their last word."""


def why(reason: str) -> str:
    """A sentence without its full stop; "" where there is no reason, as of a request that was turned away.

    The names in it are what somebody wrote: whoever shows it escapes it.
    """
    kind, _, name = reason.partition(":")
    said = _SAID.get(kind)
    if said is None:
        return f"The policy {kind} chose the tier {name}" if kind and name else ""
    code = ""
    if kind in _WITH_CODE:
        name, _, code = name.rpartition(":")
    return said.format(name or "a model", code or "nobody knows why")
