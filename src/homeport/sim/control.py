"""`/sim/`: the settings, the script and the record over HTTP, as JSON."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from homeport.core.errors import HomeportError, InvalidRequest
from homeport.sim.faults import FOREVER, KINDS
from homeport.sim.listener import Mode
from homeport.sim.record import Record, hidden
from homeport.sim.reply import Request
from homeport.sim.script import Step
from homeport.sim.settings import Settings
from homeport.sim.wire import Wire

_JSON = {"content-type": "application/json"}


class Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sim/listen`; after `seconds` it is open again, if that is not 0."""

    mode: Mode
    seconds: float = 0.0


class Controlled(Protocol):
    """The server, as far as it can be told what to do."""

    settings: Settings
    record: Record

    @property
    def queued(self) -> list[Step]: ...

    def enqueue(self, steps: list[Step]) -> None: ...

    def clear(self) -> None: ...

    def configure(self, **values: Any) -> None: ...

    async def listen(self, mode: Mode, seconds: float = 0.0) -> None: ...


class Control:
    """Answers what is asked below `/sim/`."""

    def __init__(self, server: Controlled) -> None:
        self._server = server
        self._verbs: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "/sim/health"): lambda request: {"ok": True},
            ("GET", "/sim/settings"): lambda request: self._settings(),
            ("POST", "/sim/settings"): self._configure,
            ("GET", "/sim/faults"): lambda request: self._faults(),
            ("POST", "/sim/faults"): self._enqueue,
            ("DELETE", "/sim/faults"): lambda request: self._clear(),
            ("GET", "/sim/requests"): self._requests,
            ("DELETE", "/sim/requests"): lambda request: self._forget(),
        }

    async def answer(self, request: Request, wire: Wire) -> None:
        """Answer; what is asked here is not in the record."""
        wire.begin({})
        try:
            status, said = 200, await self._said(request)
        except HomeportError as error:
            status = 404 if error.code == "sim_path_unknown" else 400
            said = {"error": {"message": error.message, "code": error.code, "hint": error.hint}}
        await wire.whole(status, _JSON, msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")

    async def _said(self, request: Request) -> Any:
        if (request.method, request.path) == ("POST", "/sim/listen"):
            wanted = _decoded(request, Listen)
            if not 0 <= wanted.seconds <= FOREVER:
                raise _wrong("`seconds` is out of range")
            await self._server.listen(wanted.mode, wanted.seconds)
            return wanted
        verb = self._verbs.get((request.method, request.path))
        if verb is None:
            known = ", ".join(f"{method} {path}" for method, path in [*self._verbs, ("POST", "/sim/listen")])
            message = f"there is no {request.method} {request.path}"
            raise InvalidRequest(message, code="sim_path_unknown", hint=f"there are: {known}")
        return verb(request)

    def _configure(self, request: Request) -> Settings:
        self._server.configure(**_decoded(request, dict[str, Any]))
        return self._settings()

    def _settings(self) -> Settings:
        """The key is shown as the record shows keys."""
        settings = self._server.settings
        shown = hidden(settings.api_key) if settings.api_key else ""
        return msgspec.structs.replace(settings, api_key=shown)

    def _faults(self) -> dict[str, Any]:
        known = {name: {"meaning": kind.meaning, "default": kind.default} for name, kind in KINDS.items()}
        return {"always": self._server.settings.faults, "queue": self._server.queued, "known": known}

    def _enqueue(self, request: Request) -> dict[str, Any]:
        self._server.enqueue(_steps(request))
        return {"queue": self._server.queued}

    def _clear(self) -> dict[str, Any]:
        self._server.clear()
        return {"queue": self._server.queued}

    def _requests(self, request: Request) -> dict[str, Any]:
        after = request.parameters.get("after", "0")
        first = int(after) if after.isascii() and after.isdigit() else 0
        record = self._server.record
        shown = [seen for seen in record.seen if seen.number > first]
        return {"total": record.total, "running": record.running, "requests": shown}

    def _forget(self) -> dict[str, Any]:
        self._server.record.clear()
        return {"requests": []}


def _steps(request: Request) -> list[Step]:
    """One step, a list of steps, or an object with `script`."""
    said = _decoded(request, Any)
    listed = said.get("script", [said]) if isinstance(said, dict) else said
    try:
        return msgspec.convert(listed, list[Step])
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error


def _decoded(request: Request, kind: Any) -> Any:
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(str(error)) from error


def _wrong(message: str) -> InvalidRequest:
    hint = 'such as {"faults": "status=503", "times": 2}; the reference is docs/reference/simulator.md'
    return InvalidRequest(f"the body is wrong: {message}", code="sim_request_invalid", hint=hint)
