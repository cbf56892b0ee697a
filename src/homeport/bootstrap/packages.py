"""The model packages that the configuration names."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from homeport.bootstrap.access import access_of
from homeport.bootstrap.trust import admission, judge_stored, trust_policy, utc_day
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError, PackageError
from homeport.packages.access import NO_ACCESS, Access
from homeport.packages.base import PackageSpec, Progress, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.trust import TrustPolicy, Verdict
from homeport.packages.verify import verify

logger = logging.getLogger(__name__)

Warn = Callable[[str], None]
"""Told what somebody should know."""


def package_spec(settings: Settings, name: str, access: Access = NO_ACCESS) -> PackageSpec:
    """What the configuration says of a package. Raises ConfigError for an unknown one."""
    if name not in settings.packages:
        raise ConfigError(
            f"no package is called {name!r}",
            code="package_unknown",
            hint=f"the packages are: {', '.join(settings.packages) or '(none)'}",
        )
    package = settings.packages[name]
    return PackageSpec(
        name=name, source=package.source, sha256=package.sha256, file=package.file or None, access=access
    )


def needed_packages(settings: Settings) -> tuple[str, ...]:
    """The packages of the engines that a target uses."""
    engines = [settings.engines[active.target.engine] for active in settings.active_targets() if active.target.engine]
    return tuple(dict.fromkeys(engine.package for engine in engines if engine.package))


def open_store(settings: Settings, home: Home) -> Store:
    """The store, which lets in what the section `trust` lets in. Raises ConfigError for a key that is none."""
    return Store(home.packages, admission(trust_policy(settings)))


def pull_package(
    settings: Settings,
    home: Home,
    name: str,
    progress: Progress,
    warn: Warn = logger.warning,
    docker_config: Path | None = None,
) -> StoredPackage:
    """Have a package of the configuration in the store; docker's credentials are read where a registry is asked.

    Raises:
        PackageError: what `pull` raises, or what `judge` raises: the section `trust` does not let it in.
    """
    store = open_store(settings, home)
    if name in settings.packages and not settings.packages[name].source:
        return _put_here(settings, home, name, progress, warn)
    from_registry = package_spec(settings, name).source.startswith("oci://")
    access = access_of(settings, docker_config if from_registry else None)
    package = pull(store, package_spec(settings, name, access), progress)
    tell_verdict(judge_stored(trust_policy(settings), store, package, utc_day()), warn)
    _tell_waiting(store, name, warn)
    return package


def _tell_waiting(store: Store, name: str, warn: Warn) -> None:
    """Warn that a source is served under a name, and not what was built here under it."""
    # A damaged version that is not served is no reason not to serve the others.
    with suppress(PackageError):
        in_use = store.get(name)
        every = [package for reference in store.versions(name) if (package := store.get(reference)) is not None]
        built = [package for package in every if package.recipe and not package.origin]
        if in_use is not None and built and in_use not in built and not store.is_chosen(name):
            warn(
                f"{name}: {in_use.version} of its source is served; {built[0].version} was built here, and waits: "
                f"homeport package use {name} {built[0].version}"
            )


def _put_here(settings: Settings, home: Home, name: str, progress: Progress, warn: Warn) -> StoredPackage:
    """A package that has no source: somebody built it here, or brought it from a registry or a hub."""
    if Store(home.packages).get(name) is None:
        raise PackageError(
            f"the package {name} has no `source`, and is not in the store",
            code="package_not_pulled",
            hint="homeport package build RECIPE, or give it a `source`",
        )
    return verify_package(settings, home, name, progress, warn)


def verify_package(
    settings: Settings, home: Home, name: str, progress: Progress | None = None, warn: Warn = logger.warning
) -> StoredPackage:
    """Recompute every digest of a package, and ask whether it is trusted: before whatever opens it.

    Raises:
        PackageError: what `verify` raises, or what `judge` raises.
    """
    package, verdict = check_package(trust_policy(settings), home, name, progress)
    tell_verdict(verdict, warn)
    return package


def check_package(
    policy: TrustPolicy, home: Home, name: str, progress: Progress | None = None
) -> tuple[StoredPackage, Verdict]:
    """The same by a policy of the caller's, and who signed it."""
    store = Store(home.packages)
    package = verify(store, name, progress=progress)
    return package, judge_stored(policy, store, package, utc_day())


def tell_verdict(verdict: Verdict, warn: Warn) -> None:
    """Warn of what a verdict warns of."""
    if verdict.warning:
        warn(verdict.warning)
