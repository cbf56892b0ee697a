"""The trust policy of the configuration, and how it is put to packages."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from homeport.config.schema import Settings
from homeport.config.trust import TrustedKeySettings
from homeport.core.errors import ConfigError, PackageError
from homeport.packages.attached import Admit, Arrival
from homeport.packages.base import StoredPackage, repaired_by_pull
from homeport.packages.keys import read_public_key
from homeport.packages.layout import Store
from homeport.packages.signing import TrustedKey
from homeport.packages.trust import TrustPolicy, TrustRule, Verdict, candidate_of, judge


def utc_day() -> date:
    """Today, in UTC."""
    return datetime.now(UTC).date()


def trust_policy(settings: Settings) -> TrustPolicy:
    """What the section `trust` says.

    Raises:
        ConfigError: signing_key_unreadable or signing_key_kind_unknown; a public key cannot be used.
    """
    trust = settings.trust
    return TrustPolicy(
        keys=tuple(_key(name, key) for name, key in trust.keys.items()),
        rules=tuple(
            TrustRule(packages=rule.packages, verticals=rule.verticals, keys=rule.keys, unsigned=rule.unsigned)
            for rule in trust.rules
        ),
        unsigned=trust.unsigned,
    )


def try_trust(settings: Settings) -> str:
    """What the section `trust` amounts to, in a line. Raises ConfigError."""
    policy = trust_policy(settings)
    if not policy.keys and not policy.rules:
        return "packages may be unsigned"
    rules = len(policy.rules)
    return f"{len(policy.keys)} keys, {rules} rule{'' if rules == 1 else 's'}"


def admission(policy: TrustPolicy, today: Callable[[], date] = utc_day) -> Admit:
    """What a store asks before a package comes in. Raises what `judge` raises."""

    def admit(arrival: Arrival) -> None:
        judge(policy, candidate_of(arrival.package, arrival.tag), arrival.bundles, today())

    return admit


def judge_stored(policy: TrustPolicy, store: Store, package: StoredPackage, today: date) -> Verdict:
    """Whether a package of the store may be used, and who signed it.

    Raises:
        PackageError: what `judge` raises; or a signature is damaged, with the command that repairs it as its hint.
    """
    with repaired_by_pull(package.name):
        bundles = tuple(signature.bundle for signature in store.signatures(package.digest))
    return judge(policy, candidate_of(package), bundles, today)


def _key(name: str, key: TrustedKeySettings) -> TrustedKey:
    try:
        public = read_public_key(key.public_key)
    except PackageError as error:
        raise ConfigError(f"trust.keys.{name}: {error.message}", code=error.code, hint=error.hint) from error
    return TrustedKey(name=name, key=public, valid_until=key.valid_until)
