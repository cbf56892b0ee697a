"""Which of two forms a caller wants: RFC 9110, section 12.5.1."""

from collections.abc import Iterator


def prefers(accept: str | None, richer: str, plain: str) -> bool:
    """Whether the header `accept` asks for one media type at least as much as for another, and by its name.

    Args:
        richer, plain: media types; what they have after a semicolon does not count.
    """
    asked = dict(_weights(accept or ""))
    weight = asked.get(_name(richer), 0.0)
    return weight > 0 and weight >= asked.get(_name(plain), 0.0)


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    """Each media type and how much it is wanted, the least first; what cannot be read is not wanted."""
    found = [(_name(part), _weight(part)) for part in accept.split(",")]
    return iter(sorted(found, key=lambda one: one[1]))


def _name(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def _weight(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return _number(value.strip())
    return 1.0


def _number(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
