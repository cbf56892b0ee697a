"""Hubs: publishing to them, searching them, and pulling what they offer."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from homeport.bootstrap.packages import Warn
from homeport.bootstrap.registries import pull_reference, push_package
from homeport.bootstrap.trust import utc_day
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import PackageError
from homeport.evaluation.results import results_of
from homeport.packages.access import Access
from homeport.packages.base import Progress, StoredPackage
from homeport.packages.bundle import unseal
from homeport.packages.exchange import registry_at
from homeport.packages.hub import HubEntry, HubIndex, Score, check_entry, check_hub_name, choose, search
from homeport.packages.hub_exchange import Hub, PublishedIndex, fetch_index, noted, publish_entry, require_publisher
from homeport.packages.hubs import Hubs
from homeport.packages.keys import SigningKey
from homeport.packages.layout import Store, not_pulled
from homeport.packages.reference import Reference, parse_reference
from homeport.packages.signing import TrustedKey
from homeport.packages.versions import tag_of

logger = logging.getLogger(__name__)

GENERAL = "general"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a package that is published. "" and None stand for what the package says itself.

    Attributes:
        to: `host/repository:tag` for the package; left out, it lies beside the index, under its name and version.
    """

    name: str
    description: str = ""
    vertical: str = ""
    to: str = ""


def add_hub(home: Home, name: str, reference: str, keys: Sequence[TrustedKey], access: Access) -> HubIndex | None:
    """Trust the index at a place, if one of `keys` signed it; the index, or None where there is none yet.

    Raises:
        PackageError: hub_name_invalid, package_reference_invalid (a tag is needed, and no digest), or as `fetch_index`.
    """
    check_hub_name(name)
    place = parse_reference(reference)
    if place.digest is not None:
        raise PackageError(
            "an index changes, so its reference has no digest",
            code="package_reference_invalid",
            hint="write host/repository:tag",
        )
    hub = Hub(name=name, place=place, keys=tuple(keys))
    known = next((each for each in Hubs(home.hubs).all() if each.name == name and each.place == place), None)
    if known is not None:
        hub = msgspec.structs.replace(hub, serial=known.serial, seen=known.seen)
    published = fetch_index(hub, registry_at(place, access), utc_day())
    Hubs(home.hubs).put(noted(hub, published) if published else hub)
    return published.index if published else None


def search_hubs(
    home: Home, words: Sequence[str], vertical: str, only: str, access: Access
) -> tuple[tuple[str, HubEntry], ...]:
    """Entries with the names of their hubs; of one hub where `only` names it.

    Raises:
        PackageError: hub_unknown, also where none is trusted; or as `fetch_index`.
    """
    hubs = (Hubs(home.hubs).get(only),) if only else Hubs(home.hubs).all()
    if not hubs:
        raise PackageError(
            "no hub is trusted here", code="hub_unknown", hint="homeport hub add NAME REFERENCE --key FILE"
        )
    found = []
    for hub in hubs:
        published = _index(home, hub, access)
        entries = search(published.index, words, vertical) if published else ()
        found += [(hub.name, entry) for entry in entries]
    return tuple(found)


def publish_package(
    settings: Settings, home: Home, hub_name: str, offer: Offer, key: SigningKey, access: Access, progress: Progress
) -> HubEntry:
    """Push a package of the store, and add it to the index of a hub.

    Raises:
        PackageError: package_not_pulled, hub_unknown, hub_entry_invalid, or as `exchange.push` and `publish_entry`.
    """
    hub, store = Hubs(home.hubs).get(hub_name), Store(home.packages)
    package = store.get(offer.name)
    if package is None:
        raise not_pulled(offer.name)
    where = parse_reference(offer.to) if offer.to else _beside(hub.place, package)
    entry = _entry(store, package, offer, where)
    check_entry(entry)
    require_publisher(hub, key)
    registry = registry_at(hub.place, access)
    fetch_index(hub, registry, utc_day())
    push_package(settings, home, offer.name, entry.reference, access, progress)
    published = publish_entry(hub, registry, entry, key, utc_day())
    Hubs(home.hubs).note(noted(hub, published))
    return entry


def pull_from_hub(
    settings: Settings,
    home: Home,
    wanted: str,
    only: str,
    access: Access,
    progress: Progress,
    warn: Warn = logger.warning,
) -> StoredPackage:
    """Have a package of a hub in the store: exactly the one that its index names.

    Args:
        wanted: `name` or `name:version`.

    Raises:
        PackageError: hub_package_unknown, hub_ambiguous, package_name_mismatch, or as `fetch_index` and
            `pull_reference`.
    """
    entry = _chosen(home, wanted, only, access)
    return pull_reference(settings, home, entry.place, access, progress, warn, name=entry.name)


def _chosen(home: Home, wanted: str, only: str, access: Access) -> HubEntry:
    name = wanted.partition(":")[0]
    hubs = sorted({hub for hub, entry in search_hubs(home, (), "", only, access) if entry.name == name})
    if len(hubs) > 1:
        raise PackageError(
            f"several hubs have a package {name[:80]!a}: {', '.join(hubs)}",
            code="hub_ambiguous",
            hint="name one with --hub",
        )
    published = _index(home, Hubs(home.hubs).get(hubs[0]), access) if hubs else None
    if published is None:
        raise PackageError(
            f"no hub has a package {wanted[:80]!a}", code="hub_package_unknown", hint="homeport hub search"
        )
    return choose(published.index, wanted)


def _index(home: Home, hub: Hub, access: Access) -> PublishedIndex | None:
    published = fetch_index(hub, registry_at(hub.place, access), utc_day())
    if published is not None:
        Hubs(home.hubs).note(noted(hub, published))
    return published


def _beside(index: Reference, package: StoredPackage) -> Reference:
    folder = index.repository.rpartition("/")[0] or index.repository
    return parse_reference(f"{index.host}/{folder}/{package.name}:{tag_of(package.version)}")


def _entry(store: Store, package: StoredPackage, offer: Offer, where: Reference) -> HubEntry:
    signatures = store.signatures(package.digest)
    return HubEntry(
        name=package.name,
        version=package.version,
        vertical=offer.vertical or package.vertical or GENERAL,
        digest=package.digest,
        reference=str(where.pinned(package.digest)),
        size=sum(file.size for file in package.files),
        licenses=package.licenses,
        description=offer.description,
        score=_score(package),
        signers=tuple(sorted({unseal(signature.bundle).key_id for signature in signatures})),
        published=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _score(package: StoredPackage) -> Score | None:
    """The first run of its own suite that the package carries."""
    runs = [run for results in results_of(package) for run in results.runs]
    if not runs:
        return None
    score = runs[0].score
    return Score(engine=runs[0].build.name, hits=score.hits, of=score.of, low=score.low, high=score.high)
