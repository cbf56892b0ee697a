"""Who we are to the places that packages come from."""

from pathlib import Path

from homeport.config.schema import Settings
from homeport.packages.access import Access, Credential, read_docker_config


def access_of(settings: Settings, docker_config: Path | None = None) -> Access:
    """Who we are to registries: as homeport.yaml says, else as docker's own file does.

    Raises:
        PackageError: registry_credentials_unreadable.
    """
    known = read_docker_config(docker_config) if docker_config else {}
    for host, registry in settings.registries.items():
        token, password = registry.token.get_secret_value(), registry.password.get_secret_value()
        if token or registry.username is not None:
            known[host] = Credential(username=registry.username or "", password=password, token=token)
        elif registry.insecure:
            known.pop(host, None)
    return Access(
        credentials=known,
        insecure=frozenset(host for host, registry in settings.registries.items() if registry.insecure),
        proxy=settings.sources.proxy or "",
        hf_endpoint=settings.sources.hf_endpoint,
        hf_token=settings.sources.hf_token.get_secret_value(),
    )
