"""Packages between this machine's store and registries, as the configuration lets us."""

import logging

from homeport.bootstrap.packages import Warn, open_store, tell_verdict
from homeport.bootstrap.trust import judge_stored, trust_policy, utc_day
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.packages import exchange
from homeport.packages.access import Access
from homeport.packages.base import Progress, StoredPackage
from homeport.packages.reference import Reference, parse_reference

logger = logging.getLogger(__name__)


def push_package(
    settings: Settings, home: Home, name: str, reference: str, access: Access, progress: Progress
) -> Reference:
    """Have a package of the store and its signatures in a registry; where it is then, with its digest.

    Raises:
        PackageError: what `exchange.push` raises.
    """
    place = parse_reference(reference)
    return exchange.push(open_store(settings, home), name, place, exchange.registry_at(place, access), progress)


def pull_reference(
    settings: Settings,
    home: Home,
    place: Reference,
    access: Access,
    progress: Progress,
    warn: Warn = logger.warning,
    name: str = "",
) -> StoredPackage:
    """Have the package of a place in a registry in the store, under its own name.

    Args:
        name: what it must be called; "" for anything.

    Raises:
        PackageError: what `exchange.pull` raises, or what `judge` raises: the section `trust` does not let it in.
    """
    store = open_store(settings, home)
    # A package calls itself as it likes, and nobody pinned it: it takes the place of none that is there.
    package = exchange.pull(store, place, exchange.registry_at(place, access), progress, name=name, replace=False)
    tell_verdict(judge_stored(trust_policy(settings), store, package, utc_day()), warn)
    return package
