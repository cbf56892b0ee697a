"""Who is asking, and whether they may: the key behind a bearer token, or a refusal."""

from homeport.core.errors import NotAuthenticated, NotPermitted
from homeport.core.ports import KeyRing
from homeport.core.types import Key, Scope, Surface

_SCOPES = {
    Surface.EMBEDDING: Scope.EMBEDDINGS,
    Surface.RERANK: Scope.RERANK,
    Surface.MODERATION: Scope.MODERATIONS,
}


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


def scope_of(surface: Surface) -> Scope:
    """The scope that a surface needs: `chat` for all that generates text."""
    return _SCOPES.get(surface, Scope.CHAT)


def permit(key: Key, scope: Scope) -> None:
    """Raises NotPermitted, code scope_missing, where the key has not that scope."""
    if not key.allows(scope):
        raise NotPermitted(
            f"this key has not the scope {scope.value!r}",
            code="scope_missing",
            hint=f"ask for a key that has it: homeport keys create NAME --scope {scope.value}",
        )


def permit_inference(key: Key) -> None:
    """Raises NotPermitted for a key that can infer nothing at all."""
    if key.scopes <= {Scope.ADMIN}:
        permit(key, Scope.INFERENCE)
