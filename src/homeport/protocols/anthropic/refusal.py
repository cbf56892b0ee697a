"""The refusal of what has no word in the other protocol."""

from homeport.core.errors import InvalidRequest


def untranslatable(field: str, why: str, hint: str) -> InvalidRequest:
    """Names the field and says why; never quotes its value."""
    return InvalidRequest(
        f"`{field}` cannot be asked of this model: {why}", code="untranslatable", hint=hint, param=field
    )
