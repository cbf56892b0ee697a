"""`/admin/v1/requests/{id}/content`: what was kept of a request is forgotten, and its row stays in the ledger."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct
from sqlalchemy import Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.core.errors import NotFound
from homeport.storage.baselines import forget_cases
from homeport.storage.bodies import BodyStore
from homeport.storage.inputs import forget_inputs
from homeport.storage.scores import forget_scores
from homeport.storage.words import WordIndex


class Forgotten(Struct, frozen=True, kw_only=True):
    """What was said in it is not here any more."""

    id: str
    forgotten: bool


class ContentActions:
    """`Resource` of that path."""

    def __init__(self, bodies: BodyStore, index: WordIndex, engine: Engine) -> None:
        self._bodies = bodies
        self._index = index
        self._engine = engine

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        match parts:
            case ["requests", request_id, "content"] if request_id:
                return {"DELETE": lambda _, __: self._forget(request_id)}
        return {}

    async def _forget(self, request_id: str) -> Answer:
        await off_the_loop(partial(forget, self._bodies, self._index, self._engine, request_id))
        return 200, Forgotten(id=request_id, forgotten=True)


def forget(bodies: BodyStore, index: WordIndex, engine: Engine, request_id: str) -> None:
    """Forget what was said in a request, its words, what its answer scored, and what is known of its prompt.

    Raises:
        NotFound: content_unknown; nothing was kept of it.
        StorageError: it cannot be removed.
    """
    if not bodies.remove(request_id):
        raise NotFound(
            f"nothing was kept of a request {ascii(request_id)[:80]}",
            code="content_unknown",
            hint="homeport trace search finds those of which something was; each state folder has its own",
        )
    index.remove([request_id])
    forget_scores(engine, [request_id])
    forget_inputs(engine, [request_id])
    forget_cases(engine, [request_id])
