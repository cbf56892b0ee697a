"""Which files of a package become a Hugging Face folder, and where; `children.folder` makes it."""

import msgspec

from homeport.engines.base import EngineSetup, gguf_files, package_of
from homeport.packages.base import FileRole, StoredPackage
from homeport.packages.digest import hex_of

ADAPTERS_ARE_GGUF = "make it with llama.cpp's convert_lora_to_gguf.py, and build the package with that"
"""What to do with an adapter in safetensors."""

_ROLES = (FileRole.TOKENIZER, FileRole.TEMPLATE)


class DerivedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a package: what it is for, where it lies, and its path inside the package."""

    role: str
    path: str
    filepath: str


class DerivedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told of its folder.

    Attributes:
        place: below the package's digest, so that another version is another folder.
        files: the weights, the adapters that are added to them, and what an engine reads beside them.
    """

    place: str
    files: tuple[DerivedFile, ...]


def derived_folder(setup: EngineSetup) -> DerivedFolder:
    """The folder of an engine's package.

    Raises:
        ConfigError: engine_package_unsuited; the package has adapters in safetensors.
    """
    package = package_of(setup)
    adapters = gguf_files(setup, FileRole.ADAPTER, ADAPTERS_ARE_GGUF)
    files = (*package.find(FileRole.WEIGHTS), *adapters, *(file for role in _ROLES for file in package.find(role)))
    told = tuple(DerivedFile(role=file.role, path=str(file.path.absolute()), filepath=file.filepath) for file in files)
    place = str(setup.derived.absolute() / hex_of(package.digest))
    return DerivedFolder(place=place, files=told if package.find(FileRole.WEIGHTS) else (_alone(package), *told))


def _alone(package: StoredPackage) -> DerivedFile:
    """The weights of a package that lists no files."""
    path = str(package.weights.absolute())
    return DerivedFile(role=FileRole.WEIGHTS, path=path, filepath=package.weights.name)
