"""Pages for Prometheus that servers of our own have."""

from homeport.core.errors import BadAnswer
from homeport.core.types import Timeouts
from homeport.transport.http import HttpRequest, Transport

_SECONDS = 8.0
_TIMEOUTS = Timeouts(connect=2.0, first_token=_SECONDS, between_tokens=_SECONDS, total=_SECONDS)
"""Less than the ten seconds that Prometheus gives a scrape."""


class HttpPages:
    """Fetches by GET, with a bearer key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def fetch(self, url: str, api_key: str) -> bytes:
        """The page. Raises UpstreamError."""
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        answer = await self._transport.post(
            HttpRequest(url=url, headers=headers, body=b"", timeouts=_TIMEOUTS, method="GET")
        )
        if answer.status != 200:
            raise BadAnswer(f"the engine answered {answer.status} when it was asked for its metrics")
        return answer.body
