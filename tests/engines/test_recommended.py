"""Options that come with a package: bounded, and none that chooses what is run."""

from pathlib import Path

import msgspec
import pytest

from homeport.bootstrap.engines import imagined_package
from homeport.core.errors import PackageError
from homeport.engines.recommended import recommended
from homeport.packages.base import FileRole, PackageFile, StoredPackage
from homeport.packages.digest import digest_bytes


def package(folder: Path, profiles: bytes) -> StoredPackage:
    path = folder / "engines.json"
    path.write_bytes(profiles)
    file = PackageFile(
        path=path, filepath="homeport/engines.json", role=FileRole.PROFILES, digest=digest_bytes(b""), size=1
    )
    return msgspec.structs.replace(imagined_package("smol"), files=(file,))


def test_each_adapter_has_its_own(tmp_path: Path) -> None:
    told = package(tmp_path, b'{"vllm": {"dtype": "float32"}, "llamacpp": {"slots": 2}}')
    assert recommended("llamacpp", told) == {"slots": 2}
    assert recommended("transformers", told) == {}
    assert recommended("llamacpp", imagined_package("bare")) == {}
    assert recommended("llamacpp", None) == {}


@pytest.mark.parametrize(
    "profiles",
    [
        b"",
        b"[]",
        b'{"llamacpp": 1}',
        b"[" * 100_000,
        b'{"llamacpp": {"x": "' + b"x" * 70_000 + b'"}}',
        b'{"llamacpp": {"python": "/tmp/evil"}}',
    ],
)
def test_what_is_refused(tmp_path: Path, profiles: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        recommended("llamacpp", package(tmp_path, profiles))
    assert caught.value.code == "package_profiles_invalid"
