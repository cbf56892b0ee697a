from homeport.transport.fallback import AiohttpTransport
from tests.transport.peers import OK, Peer, ask, serving


async def test_what_is_behind_a_proxy_is_asked_through_it() -> None:
    seen: list[bytes] = []

    async def proxy(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(OK)

    async with serving(proxy) as server:
        transport = AiohttpTransport(proxy=server.url.partition("/v1")[0])
        response = await transport.post(ask("http://upstream.invalid/v1/chat"))
        await transport.close()
    assert response.body == b"ok"
    assert seen[0].startswith(b"POST http://upstream.invalid/v1/chat HTTP/1.1\r\n")
