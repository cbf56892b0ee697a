import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it has no types
import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, Lineage, PackageFacts, PackageSpec, SourceFile
from homeport.packages.build import Part, build, in_order
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.gguf import WeightsHeader
from homeport.packages.manifest import encode

SCHEMA = json.loads((files("homeport.packages") / "schemas" / "modelpack-config-v0.0.7.json").read_bytes())
"""The configuration's JSON schema, as the specification has it: it allows no fields of our own."""

HEADER = WeightsHeader(
    architecture="llama",
    basename="tiny",
    license="apache-2.0",
    quantization="Q4_1",
    context_length=128,
    parameters=1600,
)
BARE = WeightsHeader(architecture="mamba", basename="", license="", quantization="", context_length=0, parameters=1)
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
                "annotations": {"org.cncf.model.filepath": "tiny.gguf", "dev.homeport.role": "weights"},
            },
            {
                "mediaType": "application/vnd.cncf.model.doc.v1.raw",
                "digest": licence,
                "size": 5,
                "annotations": {"org.cncf.model.filepath": "LICENSE", "dev.homeport.role": "doc"},
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
def test_every_configuration_fits_the_schema(header: WeightsHeader) -> None:
    _, config = build(SPEC, header, [_part()])
    checker = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    checker.validate(json.loads(config))


def test_the_schema_can_say_no() -> None:
    _, config = build(SPEC, HEADER, [_part()])
    value = json.loads(config)
    tar = {"type": "tar", "diffIds": ["x"]}
    wrongs: list[dict[str, Any]] = [{**value, "ours": 1}, {**value, "modelfs": tar}, {"config": {}}]
    for wrong in wrongs:
        assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(wrong))


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


def test_every_kind_of_file_has_its_media_type_and_says_its_role() -> None:
    parts = [_part(f"{role}.gguf", role) for role in FileRole]
    manifest, _ = build(SPEC, HEADER, parts)
    assert {layer.annotations["dev.homeport.role"]: layer.media_type for layer in manifest.layers} == {
        "weights": "application/vnd.cncf.model.weight.v1.raw",
        "adapter": "application/vnd.cncf.model.weight.v1.raw",
        "tokenizer": "application/vnd.cncf.model.weight.config.v1.raw",
        "template": "application/vnd.cncf.model.weight.config.v1.raw",
        "profiles": "application/vnd.cncf.model.weight.config.v1.raw",
        "prompt": "application/vnd.cncf.model.code.v1.raw",
        "suite": "application/vnd.cncf.model.dataset.v1.raw",
        "doc": "application/vnd.cncf.model.doc.v1.raw",
    }
    subtypes = {layer.annotations.get("ml.kitops.modelkit.layer-subtype") for layer in manifest.layers}
    assert subtypes == {None, "prompt"}


def test_what_the_maker_says_goes_before_what_the_weights_say() -> None:
    lineage = Lineage(base=_digest("base"), dataset=_digest("rows"), run="run-7")
    facts = PackageFacts(version="2.1", vertical="legal", licenses=("MIT",), lineage=lineage)
    manifest, config = build(SPEC, HEADER, [_part()], facts)
    assert json.loads(config)["descriptor"]["version"] == "2.1"
    assert json.loads(config)["descriptor"]["licenses"] == ["MIT"]
    notes = manifest.annotations
    assert notes["dev.homeport.vertical"] == "legal"
    assert notes["dev.homeport.lineage.base"] == _digest("base")
    assert notes["dev.homeport.lineage.dataset"] == _digest("rows")
    assert notes["dev.homeport.lineage.run"] == "run-7"


def test_adapters_come_after_the_weights_and_before_the_others() -> None:
    files = [_part("b", FileRole.PROMPT).file, _part("a").file, _part("z.gguf", FileRole.ADAPTER).file]
    assert [file.filepath for file in in_order(files)] == ["a", "z.gguf", "b"]
    assert [file.filepath for file in in_order(files[2:])] == ["z.gguf"]


def test_a_model_may_come_in_parts_of_safetensors() -> None:
    parts = [_part(f"model-{number}.safetensors").file for number in (2, 1)]
    assert [file.filepath for file in in_order(parts)] == ["model-1.safetensors", "model-2.safetensors"]
