"""Health checks: does a URL answer 200 in good time?"""

from homeport.core.errors import UpstreamError
from homeport.core.types import Timeouts
from homeport.transport.http import HttpRequest, Transport

_SECONDS = 2.0
_TIMEOUTS = Timeouts(connect=_SECONDS, first_token=_SECONDS, between_tokens=_SECONDS, total=_SECONDS)


class HttpProbe:
    """Asks by GET; anything but a 200 within two seconds is a no."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def answers(self, url: str, api_key: str) -> bool:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        request = HttpRequest(url=url, headers=headers, body=b"", timeouts=_TIMEOUTS, method="GET")
        try:
            return (await self._transport.post(request)).status == 200
        except UpstreamError:
            return False
