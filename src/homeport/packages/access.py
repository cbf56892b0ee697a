"""Who we are to the registries and sites that packages come from, and how they are reached."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

import msgspec

from homeport.core.errors import PackageError

HUGGING_FACE = "https://huggingface.co"

_MAX_FILE_BYTES = 1024 * 1024
_DOCKER_HUB = ("https://index.docker.io/v1/", "index.docker.io")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry is told: a name and a password, or a token that is sent as it is. Never shown."""

    username: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return "Credential(***)"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How packages are reached.

    Attributes:
        credentials: by a registry's `host` or `host:port`. A registry without one is asked without.
        insecure: registries that are asked by plain HTTP though they are on other machines.
        proxy: URL of the HTTP proxy for everything that is not on this machine; "" for none.
        hf_endpoint: URL of the hub that `hf://` means, or of its mirror.
        hf_token: its token; "" for none.
    """

    credentials: Mapping[str, Credential] = {}
    insecure: frozenset[str] = frozenset()
    proxy: str = ""
    hf_endpoint: str = HUGGING_FACE
    hf_token: str = ""

    def __repr__(self) -> str:
        return f"Access(credentials for {sorted(self.credentials)})"


NO_ACCESS = Access()
"""What is public."""


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    registrytoken: str = ""


class _DockerConfig(msgspec.Struct, frozen=True):
    auths: Mapping[str, _Auth] = {}


def read_docker_config(path: Path) -> dict[str, Credential]:
    """The credentials that `docker login`, `podman login` and `oras login` keep in a config.json.

    Entries that a credential helper keeps are not in the file, and so not here.

    Raises:
        PackageError: registry_credentials_unreadable; the message holds nothing of the file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise _unreadable(path)
        auths = msgspec.json.decode(data, type=_DockerConfig).auths
        return {_host(name): found for name, auth in auths.items() if (found := _credential(auth))}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeError, binascii.Error, RecursionError):
        # From None, for what msgspec says may quote the file.
        raise _unreadable(path) from None


def _credential(auth: _Auth) -> Credential | None:
    if auth.registrytoken:
        return Credential(token=auth.registrytoken)
    username, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
    return Credential(username=username, password=password) if username else None


def _host(name: str) -> str:
    """docker writes hosts, but for its own hub's and for very old entries."""
    if name in _DOCKER_HUB:
        return "registry-1.docker.io"
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _unreadable(path: Path) -> PackageError:
    return PackageError(
        f"{path} cannot be read as the credentials of docker",
        code="registry_credentials_unreadable",
        hint="mend or remove it; `docker login` writes it again",
    )
