"""The refusal of what only an upstream that speaks /v1/responses itself can do."""

from homeport.core.errors import InvalidRequest

CODE = "responses_native_only"


def native_only(what: str, param: str, way_out: str) -> InvalidRequest:
    """The error for a field or a value that has no place in a chat; `way_out` is what to do without it."""
    return InvalidRequest(
        f"{what} needs a model whose upstream speaks /v1/responses itself",
        code=CODE,
        hint=f"{way_out}, or name such a model: GET /v1/models lists `surfaces`",
        param=param,
    )
