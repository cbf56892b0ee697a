"""The packages of the store with who signed them, as the process that starts engines tells them.

It alone does: whoever checks a signature needs a library that a process which answers requests does without.
"""

from collections.abc import Iterator

import msgspec

from homeport.bootstrap.trust import judge_stored, trust_policy, utc_day
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import PackageError
from homeport.evaluation.results import beside_the_first, results_of
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store
from homeport.packages.trust import TrustPolicy

_MOST_TESTS = 12


class SuiteRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the package's own suite that the package carries.

    Attributes:
        build: the engine and its precision, as they were asked for.
        passed, of: cases.
        same: answers that are, letter by letter, those of the first run; None for the first.
    """

    build: str
    passed: int
    of: int
    same: int | None


class ShelvedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a package.

    Attributes:
        size: of all weights, in bytes.
        signers: names of the trusted keys whose signature holds; no byte of the weights is read for that.
        doubt: why it may not be used, or what one should know of it; "" for nothing.
        tests: what it carries of its own suites on each engine, in the order in which they were recorded.
    """

    name: str
    version: str
    digest: str
    in_use: bool
    family: str
    quantization: str
    size: int
    licenses: tuple[str, ...]
    signers: tuple[str, ...] = ()
    doubt: str = ""
    tests: tuple[SuiteRun, ...] = ()


def shelved_packages(settings: Settings, home: Home) -> tuple[ShelvedPackage, ...]:
    """Every version of every package, as `homeport package list` has them.

    Raises:
        ConfigError: a key of the section `trust` is none.
        PackageError, StorageError: the store cannot be read.
    """
    return tuple(_shelved(Store(home.packages), trust_policy(settings)))


def _shelved(store: Store, policy: TrustPolicy) -> Iterator[ShelvedPackage]:
    for used in store.list():
        for reference in store.versions(used.name):
            package = store.get(reference)
            if package is not None:
                yield _told(store, policy, package, in_use=package.digest == used.digest)


def _tested(package: StoredPackage) -> Iterator[SuiteRun]:
    """Raises PackageError: results_invalid."""
    for results in results_of(package):
        for run, same in beside_the_first(results):
            yield SuiteRun(build=run.build.name, passed=run.score.hits, of=run.score.of, same=same)


def _told(store: Store, policy: TrustPolicy, package: StoredPackage, *, in_use: bool) -> ShelvedPackage:
    told = ShelvedPackage(
        name=package.name,
        version=package.version,
        digest=package.digest,
        in_use=in_use,
        family=package.family,
        quantization=package.quantization,
        size=package.size,
        licenses=package.licenses,
    )
    try:
        told = msgspec.structs.replace(told, tests=tuple(_tested(package))[:_MOST_TESTS])
        verdict = judge_stored(policy, store, package, utc_day())
    except PackageError as error:
        return msgspec.structs.replace(told, doubt=error.message)
    signers = tuple(signer.name for signer in verdict.signers)
    return msgspec.structs.replace(told, signers=signers, doubt=verdict.warning)
