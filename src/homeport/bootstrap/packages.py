"""The model packages that the configuration names."""

from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.packages.base import PackageSpec, Progress, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.verify import verify


def package_spec(settings: Settings, name: str) -> PackageSpec:
    """What the configuration says of a package. Raises ConfigError for an unknown one."""
    if name not in settings.packages:
        raise ConfigError(
            f"no package is called {name!r}",
            code="package_unknown",
            hint=f"the packages are: {', '.join(settings.packages) or '(none)'}",
        )
    package = settings.packages[name]
    return PackageSpec(name=name, source=package.source, sha256=package.sha256, file=package.file or None)


def needed_packages(settings: Settings) -> tuple[str, ...]:
    """The packages of the engines that a target uses."""
    engines = [settings.engines[active.target.engine] for active in settings.active_targets() if active.target.engine]
    return tuple(dict.fromkeys(engine.package for engine in engines if engine.package))


def pull_package(settings: Settings, home: Home, name: str, progress: Progress) -> StoredPackage:
    return pull(Store(home.packages), package_spec(settings, name), progress)


def verify_package(home: Home, name: str, progress: Progress | None = None) -> StoredPackage:
    return verify(Store(home.packages), name, progress=progress)
