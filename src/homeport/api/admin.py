"""`/admin/v1/...`: keys, configuration and state, for holders of a key with the scope `admin` alone."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.exc import SQLAlchemyError

from homeport.api.bodies import read
from homeport.api.connection import Connection
from homeport.api.keys import MAX_GRACE_SECONDS, Issued, KeyFields, KeyRegistry, view
from homeport.api.routes import JSON, Handler, Methods, token_of
from homeport.core.audit import Asker
from homeport.core.errors import NotFound, StorageError
from homeport.core.ports import Clock, KeyRing
from homeport.core.types import Scope
from homeport.pipeline.authenticate import authenticate, permit
from homeport.storage.audit import Recorder

logger = logging.getLogger(__name__)

Answer = tuple[int, object]
Action = Callable[[Asker, bytes], Awaitable[Answer]]
"""Gets the key that asks, and the body."""
Result = TypeVar("Result")

_THREADS = ThreadPoolExecutor(4, thread_name_prefix="aside")
_PREFIX = "/admin/v1/"
_HEADERS = {**JSON, "cache-control": "no-store"}  # it may hold a token
_READS = frozenset({"GET"})
_VERBS = {"PATCH": "update", "PUT": "set", "DELETE": "remove"}
_LONGEST_SAID = 128


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    grace_seconds: Annotated[float, Meta(ge=0, le=MAX_GRACE_SECONDS)] = 86_400


_KEY = msgspec.json.Decoder(KeyFields)
_ROTATION = msgspec.json.Decoder(Rotation)


class House(Struct, frozen=True, kw_only=True):
    """What the administrator can see and do, besides keys.

    Attributes:
        config: the configuration that holds now, without secrets.
        digest: of that configuration.
        reload: reads the configuration again and returns the new digest, or raises ConfigError and
            changes nothing; None where it cannot be read again.
        targets: what requests can be sent to, and how it is.
    """

    config: Callable[[], Mapping[str, Any]]
    digest: Callable[[], str]
    targets: Callable[[], Sequence[Mapping[str, Any]]]
    reload: Callable[[], Awaitable[str]] | None = None


class Resource(Protocol):
    """Some paths below /admin/v1 that have a file of their own."""

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        """Method -> action of a path, given as its parts after /admin/v1/; empty where it is not one of these."""


class AdminPaths:
    """`Paths` below /admin/v1.

    Args:
        resources: what is not keys and not the configuration.
        recorded: resources that write down their changes themselves, with what was before.
        record: writes down every other change in the audit log, once it was made.
        refresh: makes this process know a change of keys at once; other processes follow within a second.
    """

    def __init__(
        self,
        *,
        keys: KeyRing,
        registry: KeyRegistry,
        refresh: Callable[[], None],
        house: House,
        clock: Clock,
        record: Recorder,
        resources: Sequence[Resource] = (),
        recorded: Sequence[Resource] = (),
    ) -> None:
        self._keys = keys
        self._registry = registry
        self._refresh = refresh
        self._house = house
        self._clock = clock
        self._record = record
        self._resources = resources
        self._recorded = recorded
        self._fixed: dict[str, dict[str, Action]] = {
            "config": {"GET": self._config},
            "reload": {"POST": self._reload},
            "targets": {"GET": self._targets},
        }

    def find(self, path: str) -> Methods | None:
        if not path.startswith(_PREFIX):
            return None
        rest = path.removeprefix(_PREFIX)
        parts = rest.split("/")
        if recorded := self._actions_of_key(parts) or _first(self._recorded, parts):
            return {method: self._guarded(method, path, action) for method, action in recorded.items()}
        actions = self._fixed.get(rest) or _first(self._resources, parts)
        return {
            method: self._guarded(method, path, self._noted(method, parts, actions[method])) for method in actions
        } or None

    def _actions_of_key(self, parts: Sequence[str]) -> dict[str, Action]:
        match parts:
            case ["keys"]:
                return {"GET": self._list, "POST": self._create}
            case ["keys", key_id] if key_id:
                return {
                    "GET": lambda _, __: self._show(key_id),
                    "PATCH": lambda asker, body: self._update(asker, key_id, body),
                    "DELETE": lambda asker, __: self._revoke(asker, key_id),
                }
            case ["keys", key_id, "rotate"] if key_id:
                return {"POST": lambda asker, body: self._rotate(asker, key_id, body)}
        return {}

    def _noted(self, method: str, parts: Sequence[str], action: Action) -> Action:
        """The same, written down after it was done."""
        if method in _READS:
            return action

        async def act(asker: Asker, body: bytes) -> Answer:
            answer = await action(asker, body)
            name, subject = named(method, parts)
            await off_the_loop(lambda: self._record(asker.actor, name, subject, said(body)))
            return answer

        return act

    def _guarded(self, method: str, path: str, action: Action) -> Handler:
        """The only way to an action: the key comes first, then the body."""

        async def handle(connection: Connection, request_id: str) -> None:
            key = authenticate(self._keys, token_of(connection))
            permit(key, Scope.ADMIN)
            asker = Asker(**msgspec.structs.asdict(key), address=connection.address, request_id=request_id)
            body = b"" if method in _READS else await connection.read_body()
            permit(authenticate(self._keys, token_of(connection)), Scope.ADMIN)  # a body may take its time
            status, answer = await action(asker, body)
            if method not in _READS:
                logger.info("%s %s by %s, request %s", method, path[:128], key.id, request_id)
            await connection.start(status, {**_HEADERS, "x-homeport-request-id": request_id})
            await connection.finish(msgspec.json.encode(answer))

        return handle

    async def _list(self, _: Asker, __: bytes) -> Answer:
        now = self._clock.wall_ns()
        stored = await off_the_loop(self._registry.every)
        return 200, {"object": "list", "data": [view(each, now) for each in stored]}

    async def _create(self, asker: Asker, body: bytes) -> Answer:
        fields = read(body, _KEY)[0]
        registry = self._registry.by(asker.actor)
        return 201, self._issued(await self._changed(lambda: registry.create(fields)))

    async def _show(self, key_id: str) -> Answer:
        return 200, view(await off_the_loop(lambda: self._registry.get(key_id)), self._clock.wall_ns())

    async def _update(self, asker: Asker, key_id: str, body: bytes) -> Answer:
        fields = read(body, _KEY)[0]
        registry = self._registry.by(asker.actor)
        stored = await self._changed(lambda: registry.update(key_id, fields))
        return 200, view(stored, self._clock.wall_ns())

    async def _revoke(self, asker: Asker, key_id: str) -> Answer:
        registry = self._registry.by(asker.actor)
        return 200, view(await self._changed(lambda: registry.revoke(key_id)), self._clock.wall_ns())

    async def _rotate(self, asker: Asker, key_id: str, body: bytes) -> Answer:
        rotation = read(body or b"{}", _ROTATION)[0]
        registry = self._registry.by(asker.actor)
        return 200, self._issued(await self._changed(lambda: registry.rotate(key_id, rotation.grace_seconds)))

    async def _config(self, _: Asker, __: bytes) -> Answer:
        return 200, {"digest": self._house.digest(), "config": self._house.config()}

    async def _reload(self, _: Asker, __: bytes) -> Answer:
        if self._house.reload is None:
            raise NotFound("this process cannot read its configuration again", hint="start it again instead")
        return 200, {"digest": await self._house.reload()}

    async def _targets(self, _: Asker, __: bytes) -> Answer:
        return 200, {"object": "list", "data": self._house.targets()}

    def _issued(self, issued: Issued) -> dict[str, Any]:
        return {**view(issued.stored, self._clock.wall_ns()), "key": issued.token}

    async def _changed(self, change: Callable[[], Result]) -> Result:
        def work() -> Result:
            changed = change()
            self._refresh()
            return changed

        return await off_the_loop(work)


def named(method: str, parts: Sequence[str]) -> tuple[str, str]:
    """What a request does and to what, such as `holders.give-up` to `x`."""
    if method in _VERBS and len(parts) > 1:
        return f"{parts[0]}.{_VERBS[method]}", parts[1]
    return ".".join(dict.fromkeys((parts[0], parts[-1]))), parts[-2] if len(parts) > 2 else ""


def said(body: bytes) -> Mapping[str, Any]:
    """What a body says, for the audit log: long texts may be content, and are only counted."""
    try:
        fields = msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: _brief(value) for name, value in fields.items()}


def _brief(value: object) -> object:
    long = isinstance(value, str) and len(value) > _LONGEST_SAID
    return f"({len(value)} characters)" if long and isinstance(value, str) else value


def _first(resources: Sequence[Resource], parts: Sequence[str]) -> Mapping[str, Action]:
    found = (resource.actions(parts) for resource in resources)
    return next((actions for actions in found if actions), {})


async def off_the_loop(work: Callable[[], Result]) -> Result:
    """Work on the database, in a thread. Raises StorageError where that cannot be used.

    The threads are few, and not those of the loop: who looks at many things at once must not hold up budgets, keys and
    whatever else requests need a thread for.
    """
    run = contextvars.copy_context().run
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, run, work)
    except SQLAlchemyError as error:
        raise StorageError("the database cannot be used", hint="try again; its log says more") from error
