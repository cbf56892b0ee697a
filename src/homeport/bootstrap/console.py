"""The console of a gateway process, and its first user."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.api.auth import StoredKeyRing, read_pepper, write_secret
from homeport.bootstrap.admin import recorder
from homeport.bootstrap.storage import budget_registry, key_registry, open_storage
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.console import passwords
from homeport.console.app import Console
from homeport.console.attempts import Attempts
from homeport.console.given import Given
from homeport.console.parts import Parts
from homeport.console.render import Skin
from homeport.console.sessions import Lifetime, Sessions
from homeport.console.users import UserRegistry
from homeport.console.works import Works
from homeport.core.people import Role
from homeport.core.ports import Clock

FIRST = "admin"


class Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same over every configuration."""

    attempts: Attempts
    skin: Skin
    given: Given


def build_console(
    settings: Settings,
    home: Home,
    engine: Engine,
    keys: StoredKeyRing,
    clock: Clock,
    targets: Callable[[], Sequence[Mapping[str, Any]]],
    works: Works,
    lasting: Lasting,
) -> Console:
    """The console over a gateway's own parts."""
    said = settings.console
    lifetime = Lifetime(idle=said.idle_minutes * 60, whole=said.session_hours * 3_600)
    parts = Parts(
        engine=engine,
        home=home,
        settings=settings,
        clock=clock,
        keys=key_registry(engine, settings, home),
        refresh=keys.refresh,
        budgets=budget_registry(engine),
        users=user_registry(engine),
        sessions=Sessions(engine, read_pepper(home.pepper), lifetime, clock.wall_ns),
        attempts=lasting.attempts,
        skin=lasting.skin,
        record=recorder(engine),
        targets=targets,
        works=works,
        given=lasting.given,
        secure=(said.public_url or "").startswith("https://"),
    )
    return Console(parts)


def user_registry(engine: Engine) -> UserRegistry:
    """What makes and changes users of the console."""
    return UserRegistry(engine, time.time_ns)


def ensure_first_user(settings: Settings, home: Home) -> None:
    """The user `admin`, where there is no user at all; the password is in a file of mode 0600."""
    users = user_registry(open_storage(settings, home))
    if not settings.console.enabled or users.any():
        return
    password = passwords.new_password()
    home.console_password.unlink(missing_ok=True)
    with contextlib.suppress(FileExistsError):
        write_secret(home.console_password, f"{password}\n".encode())
        users.add(FIRST, Role.ADMIN, password)
