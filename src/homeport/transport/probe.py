"""Health checks: does a URL answer 200 in good time?"""

import aiohttp

_SECONDS = 2.0


class HttpProbe:
    """Asks by GET; anything but a 200 within two seconds is a no. The session is made on first use."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def answers(self, url: str, api_key: str) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_SECONDS), cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
