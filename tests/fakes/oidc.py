"""A small OpenID provider that does what the standards ask, and signs with no library of ours."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT, SECRET = "homeport", "s3cret:with/signs%+="


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class OpenIdProvider:
    """One user is signed in there, and says yes to everybody who asks rightly.

    Attributes:
        user: claims about the user.
        claims: what a token says in the place of what it should; None leaves a claim out.
        nested: how deep a claim more is, which nobody asked for.
        algorithm: `RS256`, or what an attacker would write there.
        asked: paths that were asked for.
    """

    def __init__(self, now: float) -> None:
        self.url = ""
        self.now = now
        self.user: dict[str, Any] = {"sub": "u-1", "email": "ada@example.com", "groups": ["staff", "ops"]}
        self.claims: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.describes: dict[str, Any] = {}
        self.nested = 0
        self.asked: list[str] = []
        self.exchanged = 0
        self._codes: dict[str, dict[str, str]] = {}
        self.renew_key()

    def renew_key(self) -> None:
        self._key: RSAPrivateKey = generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = secrets.token_hex(4)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.describes,
        }

    def jwks(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        n, e = (encoded(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "use": "sig", "kid": self._kid, "n": n, "e": e}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, fields: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """What a code is worth; None for one that is not. A code is good once."""
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        asked = self._codes.pop(fields.get("code", ""), None)
        if asked is None or (unquote(name), unquote(secret)) != (CLIENT, SECRET):
            return None
        challenge = encoded(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if challenge != asked["code_challenge"] or fields["redirect_uri"] != asked["redirect_uri"]:
            return None
        self.exchanged += 1
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        usual = {"iss": self.url, "aud": CLIENT, "iat": self.now, "exp": self.now + 300, "nonce": nonce}
        claims = {name: value for name, value in {**usual, **self.user, **self.claims}.items() if value is not None}
        head = {"typ": "JWT", "alg": self.algorithm, "kid": self._kid}
        parts = [json.dumps(part).encode() for part in (head, claims)]
        parts[1] = (
            parts[1][:-1] + b', "x": ' + b"[" * self.nested + b"]" * self.nested + b"}" if self.nested else parts[1]
        )
        signed = ".".join(map(encoded, parts))
        return f"{signed}.{encoded(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if self.algorithm == "none":
            return b""
        if self.algorithm == "HS256":  # signed with what everybody knows: the public key
            return hmac.new(json.dumps(self.jwks()).encode(), data, "sha256").digest()
        return self._key.sign(data, PKCS1v15(), SHA256())

    @contextmanager
    def serve(self) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler(provider: OpenIdProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            provider.asked.append(path)
            if path == "/authorize":
                self.send_response(302)
                self.send_header("location", provider.authorize(_fields(query)))
                self.end_headers()
            else:
                self._json(provider.jwks() if path == "/jwks" else provider.metadata())

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            found = provider.token(_fields(body), self.headers.get("authorization", ""))
            self._json(found or {"error": "invalid_grant"}, 200 if found else 400)

        def _json(self, value: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


def _fields(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(f"?{text}").query).items()}


def seconds(wall_ns: int | None = None) -> int:
    """Now, or what a clock says, in seconds."""
    return int(time.time()) if wall_ns is None else wall_ns // 1_000_000_000
