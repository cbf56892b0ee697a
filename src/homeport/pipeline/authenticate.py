"""Who is asking: the key behind a bearer token, or a refusal."""

from homeport.core.errors import NotAuthenticated
from homeport.core.ports import KeyRing
from homeport.core.types import Key


def authenticate(keys: KeyRing, token: str | None) -> Key:
    """The live key of a token.

    Raises:
        NotAuthenticated: missing_api_key where none was sent, else invalid_api_key.
    """
    if token is None:
        raise NotAuthenticated(
            "no API key was sent",
            code="missing_api_key",
            hint="send the header `Authorization: Bearer KEY`; `homeport keys create` makes a key",
        )
    key = keys.find(token)
    if key is None:
        raise NotAuthenticated(
            "the API key is unknown, expired or revoked", hint="`homeport keys list` shows which keys are live"
        )
    return key
