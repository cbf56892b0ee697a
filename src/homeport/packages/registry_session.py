"""Asking one repository of a registry: with a token, again where that helps, and in words of ours."""

import re
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from urllib.parse import urljoin

import msgspec

from homeport.core.errors import ConnectFailed, PackageError, StreamCut, UpstreamError, UpstreamTimeout
from homeport.packages.access import Access, Credential
from homeport.packages.challenges import answer_challenge
from homeport.packages.reference import Reference
from homeport.transport.blocking import BlockingClient, Call, Reply, follow, is_loopback, is_safe, same_origin
from homeport.transport.deadlines import origin

_PAUSES = (0.5, 2.0, 8.0)
"""Seconds before each new attempt; a registry that says `Retry-After` may make them longer."""

_LONGEST_PAUSE = 30.0
_BUSY = frozenset({429, 500, 502, 503, 504})
_FOLLOWED = frozenset({"GET", "HEAD"})
_MAX_ERROR_BYTES = 4096


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct, frozen=True):
    errors: tuple[_Problem, ...] = ()


class RegistrySession:
    """A conversation with one repository.

    Every method raises PackageError: package_source_unreachable (no connection, no answer in time,
    or a cut one), registry_credentials_in_clear, registry_realm_refused.
    """

    def __init__(
        self, place: Reference, access: Access, client: BlockingClient, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        scheme = "http" if place.host in access.insecure or is_loopback(f"http://{place.host}") else "https"
        self.base = f"{scheme}://{place.host}"
        self.repository = place.repository
        self._client = client
        self._credential: Credential | None = access.credentials.get(place.host)
        self._sleep = sleep
        self._authorization = f"Bearer {self._credential.token}" if self._credential and self._credential.token else ""
        if self._authorization and not is_safe(self.base):
            raise PackageError(
                f"the token for {self.base} would cross the network unencrypted",
                code="registry_credentials_in_clear",
                hint="use the registry by https, or remove its credentials",
            )

    def url(self, *parts: str) -> str:
        """The address of something in the repository, such as `manifests`, `1.0`."""
        return "/".join((self.base, "v2", self.repository, *parts))

    def located(self, url: str, reply: Reply) -> str:
        """Where a reply sends what we upload.

        Raises:
            PackageError: registry_location_refused; nowhere, or to where others could read it.
        """
        try:
            location = urljoin(url, reply.headers.get("location", ""))
            kept = same_origin(location, self.base) or (is_safe(location) and not is_loopback(location))
        except (ValueError, UpstreamError):
            kept, location = False, ""
        if not kept or "location" not in reply.headers:
            raise PackageError(
                f"{self.base} wants the upload at an address that is not https, or at none",
                code="registry_location_refused",
                hint="a registry behind a proxy must know its own https address",
            )
        return location

    @contextmanager
    def ask(self, call: Call, *, push: bool = False, attempts: int = len(_PAUSES) + 1) -> Generator[Reply]:
        """The answer to a call, of any status but 401 that a token mends; asked again while the registry is busy."""
        with self.reached(), ExitStack() as stack:
            yield self._persist(call, push, attempts, stack)

    @contextmanager
    def reached(self) -> Generator[None]:
        """Every failure of the connection in the body is told as one of the registry."""
        try:
            yield
        except UpstreamError as error:
            raise PackageError(
                f"{self.base} was not reached: {error.message}",
                code="package_source_unreachable",
                hint="check the network, the name of the registry and `registries` in homeport.yaml, then try again",
            ) from error

    def _persist(self, call: Call, push: bool, attempts: int, stack: ExitStack) -> Reply:
        for tries, pause in enumerate((*_PAUSES[: attempts - 1], None), 1):
            with ExitStack() as trial:
                try:
                    reply = self._authorized(call, push, trial)
                except UpstreamError as error:
                    if pause is None or tries >= _tries(error):
                        raise
                else:
                    if reply.status not in _BUSY or pause is None:
                        stack.push(trial.pop_all())
                        return reply
                    pause = max(pause, min(_retry_after(reply), _LONGEST_PAUSE))
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _authorized(self, call: Call, push: bool, stack: ExitStack) -> Reply:
        reply = stack.enter_context(self._send(call))
        if reply.status != 401 or not same_origin(reply.url, self.base):
            return reply
        scope = f"repository:{self.repository}:{'pull,push' if push else 'pull'}"
        challenge = reply.headers.get("www-authenticate", "")
        answer = answer_challenge(self._client, self.base, challenge, scope, self._credential)
        if not answer:
            return reply
        self._authorization = answer
        stack.close()
        return stack.enter_context(self._send(call))

    def _send(self, call: Call) -> AbstractContextManager[Reply]:
        if self._authorization and same_origin(call.url, self.base):
            call = msgspec.structs.replace(call, headers={**call.headers, "authorization": self._authorization})
        return follow(self._client, call) if call.method in _FOLLOWED else self._client.send(call)


def _tries(error: UpstreamError) -> int:
    """How often it makes sense to try. Who is not there will not be there in a second."""
    if isinstance(error, StreamCut | UpstreamTimeout):
        return len(_PAUSES) + 1
    return 2 if isinstance(error, ConnectFailed) else 1


def require(reply: Reply, what: str, *wanted: int) -> None:
    """Pass where the status is a wanted one.

    Raises:
        PackageError: package_not_found, registry_denied, registry_busy or registry_failed; the message
            says what was asked and what the registry said.
    """
    if reply.status in wanted:
        return
    said = _said(reply)
    who = origin(reply.url)
    if reply.status == 404:
        raise PackageError(
            f"{who} has no {what}{said}", code="package_not_found", hint="check its repository, its tag and its digest"
        )
    if reply.status in {401, 403}:
        raise PackageError(
            f"{who} does not let us have {what}{said}",
            code="registry_denied",
            hint="name a user of the registry under `registries` in homeport.yaml, or use `docker login`",
        )
    if reply.status in _BUSY:
        raise PackageError(
            f"{who} is busy, and gave no {what}: HTTP {reply.status}{said}",
            code="registry_busy",
            hint="try again later",
        )
    raise PackageError(
        f"{who} answered HTTP {reply.status} when asked for {what}{said}",
        code="registry_failed",
        hint="the registry's own log says more",
    )


def _said(reply: Reply) -> str:
    """The registry's own words, fit for a terminal; "" where it has none."""
    try:
        data = reply.start(_MAX_ERROR_BYTES)
        problem = msgspec.json.decode(data, type=_Problems).errors[0]
    except (msgspec.MsgspecError, UnicodeError, RecursionError, IndexError, UpstreamError):
        return ""
    words = "".join(letter for letter in f"{problem.code} {problem.message}" if letter.isprintable())
    return f" ({words.strip()[:200]})" if words.strip() else ""


def _retry_after(reply: Reply) -> float:
    value = reply.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}", value) else 0.0
