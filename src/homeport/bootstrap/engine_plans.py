"""What the children of an engine are to be: a version of its package, rendered by its adapter."""

import shutil
from collections.abc import Mapping

import msgspec

from homeport.bootstrap.engines import models_of, render_engine
from homeport.bootstrap.revision import revision
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import PackageError
from homeport.engines.base import Launch
from homeport.engines.pool import Replica, Version
from homeport.packages.base import StoredPackage
from homeport.packages.digest import Digest, parse_digest
from homeport.packages.layout import Store


class PlannedReplica(msgspec.Struct, frozen=True, kw_only=True):
    """A child to start, or only to watch when its launch has no command.

    Attributes:
        package: the reference, by its digest, of what it loads; None where there is no package.
    """

    replica: Replica
    package: str | None
    launch: Launch


def engines_in_use(settings: Settings) -> tuple[str, ...]:
    """The engines that a target uses, in the order of the configuration."""
    named = (active.target.engine for active in settings.active_targets())
    return tuple(dict.fromkeys(engine for engine in named if engine))


def plan_replicas(
    settings: Settings, home: Home, engine: str, places: Mapping[str, int], stored: StoredPackage | None
) -> tuple[PlannedReplica, ...]:
    """Render a child for each name.

    Args:
        places: the names, and the loopback port of each.
        stored: what they load.

    Raises:
        ConfigError: the adapter refuses its profile or the package.
    """
    return tuple(_plan(settings, home, engine, name, port, stored) for name, port in places.items())


def version_of(settings: Settings, home: Home, engine: str, wanted: str) -> StoredPackage:
    """The version of an engine's package that a person named, by version or digest.

    Raises:
        PackageError: engine_without_package or package_version_unknown.
    """
    package = settings.engines[engine].package
    if package is None:
        raise PackageError(
            f"the engine {engine} has no package, so it has no versions",
            code="engine_without_package",
            hint="swap the model where that server runs",
        )
    is_digest = wanted.startswith("sha256:")
    found = Store(home.packages).get(
        f"{package}@{parse_digest(wanted)}" if is_digest else f"{package}:{wanted.removeprefix(f'{package}:')}"
    )
    if found is None:
        raise PackageError(
            f"{package} has no version {wanted[:80]!r}",
            code="package_version_unknown",
            hint="homeport package list shows the versions",
        )
    return found


def drop_derived(home: Home) -> None:
    """Remove what engines made of packages that the store no longer has: each may be larger than its package was."""
    blobs = Store(home.packages).blobs
    for folder in home.derived.glob("*"):
        if not blobs.path(Digest(f"sha256:{folder.name}")).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _plan(
    settings: Settings, home: Home, engine: str, name: str, port: int, stored: StoredPackage | None
) -> PlannedReplica:
    options = settings.engines[engine]
    launch = render_engine(engine, options, stored, home, port, models_of(settings, engine))
    served = revision(options.engine, stored.digest if stored else options.url or "", options.profile)
    endpoint = msgspec.structs.replace(launch.endpoint, revision=served, pool=engine)
    version = Version(digest=stored.digest if stored else "", label=stored.version if stored else "", revision=served)
    return PlannedReplica(
        replica=Replica(name=name, version=version, endpoint=endpoint),
        package=f"{stored.name}@{stored.digest}" if stored else None,
        launch=launch,
    )
