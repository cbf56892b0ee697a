"""POST /v1/messages/count_tokens."""

from homeport.api.anthropic import BETA, PREFIX, AnthropicDialect
from homeport.api.connection import Connection
from homeport.api.routes import Methods, reply, token_of
from homeport.core.types import Inference
from homeport.pipeline.counting import TokenCounting
from homeport.pipeline.deadline import HEADER as DEADLINE_HEADER
from homeport.privacy.classes import HEADER as DATA_CLASS_HEADER

_PATH = f"{PREFIX}/count_tokens"


class CountTokens:
    """`Paths` of one path."""

    def __init__(self, counting: TokenCounting) -> None:
        self._counting = counting

    def find(self, path: str) -> Methods | None:
        return {"POST": self._count} if path == _PATH else None

    async def _count(self, connection: Connection, request_id: str) -> None:
        async def read() -> Inference:
            return AnthropicDialect(betas=connection.header(BETA)).decode_prompt(await connection.read_body())

        tokens = await self._counting.count(
            request_id=request_id,
            token=token_of(connection),
            data_class_header=connection.header(DATA_CLASS_HEADER.encode()),
            timeout_header=connection.header(DEADLINE_HEADER.encode()),
            read=read,
        )
        await reply(connection, {"input_tokens": tokens})
