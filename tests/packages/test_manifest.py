import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages import manifest as documents

_DIGEST = "sha256:" + "a" * 64
_OTHER = "sha256:" + "b" * 64


def _layer(kind: str = documents.WEIGHTS_TYPE, digest: str = _DIGEST, path: str = "m.gguf") -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": 5, "annotations": {documents.FILEPATH: path}}


def _adapter() -> dict[str, Any]:
    layer = _layer(path="lora.gguf", digest=_OTHER)
    layer["annotations"][documents.ROLE] = "adapter"
    return layer


def _manifest(**changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": documents.MANIFEST_TYPE,
        "artifactType": documents.ARTIFACT_TYPE,
        "config": {"mediaType": documents.CONFIG_TYPE, "digest": _OTHER, "size": 9},
        "layers": [_layer()],
        **changes,
    }


def _config(**changes: Any) -> dict[str, Any]:
    return {
        "descriptor": {"createdAt": "2025-01-01T00:00:00Z", "family": "f", "name": "n", "version": "1"},
        "config": {
            "architecture": "transformer",
            "format": "gguf",
            "paramSize": "1b",
            "capabilities": {"inputTypes": ["text"], "outputTypes": ["text"]},
        },
        "modelfs": {"type": "layers", "diffIds": [_DIGEST]},
        **changes,
    }


def _decoded(value: object) -> documents.Manifest:
    return documents.decode_manifest(json.dumps(value).encode())


def test_encoding_is_canonical_and_survives_a_round_trip() -> None:
    manifest = _decoded(_manifest(annotations={"z": "1", "a": "2"}))
    data = documents.encode(manifest)
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert documents.decode_manifest(data) == manifest
    assert json.loads(data) == _manifest(annotations={"z": "1", "a": "2"})


_TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=9)


@given(st.dictionaries(_TEXTS, _TEXTS, max_size=5), st.randoms())
def test_the_order_of_annotations_does_not_change_the_bytes(notes: dict[str, str], random: Any) -> None:
    shuffled = list(notes.items())
    random.shuffle(shuffled)
    one = documents.encode(_decoded(_manifest(annotations=notes)))
    assert one == documents.encode(_decoded(_manifest(annotations=dict(shuffled))))


def test_unknown_fields_of_other_tools_are_ignored() -> None:
    assert _decoded(_manifest(subject={"x": 1})) == _decoded(_manifest())


BAD = {
    "not JSON": (b"{", "package_manifest_invalid"),
    "not UTF-8": (b'{"mediaType":"\xff"}', "package_manifest_invalid"),
    "deep": (b"[" * 100_000, "package_manifest_invalid"),
    "over 4 MiB": (b" " * (4 * 1024 * 1024 + 1), "package_manifest_invalid"),
}
WRONG = {
    "schema 1": ({"schemaVersion": 1}, "package_manifest_invalid"),
    "schema text": ({"schemaVersion": "2"}, "package_manifest_invalid"),
    "another manifest": ({"mediaType": "application/json"}, "package_media_type_unknown"),
    "another artifact": ({"artifactType": "application/json"}, "package_media_type_unknown"),
    "another config": (
        {"config": {"mediaType": "application/json", "digest": _OTHER, "size": 9}},
        "package_media_type_unknown",
    ),
    "a huge config": (
        {"config": {"mediaType": documents.CONFIG_TYPE, "digest": _OTHER, "size": 2**40}},
        "package_manifest_invalid",
    ),
    "no layers": ({"layers": []}, "package_manifest_invalid"),
    "two weights": ({"layers": [_layer(), _layer(digest=_OTHER, path="b.gguf")]}, "package_manifest_invalid"),
    "only a doc": ({"layers": [_layer(documents.DOC_TYPE)]}, "package_manifest_invalid"),
    "docs first": (
        {"layers": [_layer(documents.DOC_TYPE, _OTHER, "LICENSE"), _layer()]},
        "package_manifest_invalid",
    ),
    "one path twice": (
        {"layers": [_layer(), _layer(documents.DOC_TYPE, _OTHER)]},
        "package_manifest_invalid",
    ),
    "too many files": (
        {"layers": [_layer(), *(_layer(documents.DOC_TYPE, _OTHER, str(number)) for number in range(1024))]},
        "package_manifest_invalid",
    ),
    "adapters without a base": ({"layers": [_adapter()]}, "package_manifest_invalid"),
    "a base that is no digest": (
        {"layers": [_adapter()], "annotations": {documents.LINEAGE_BASE: "../x"}},
        "package_digest_invalid",
    ),
    "adapters first": (
        {"layers": [_adapter(), _layer()], "annotations": {documents.LINEAGE_BASE: _DIGEST}},
        "package_manifest_invalid",
    ),
    "a packed layer": ({"layers": [_layer(documents.WEIGHTS_TYPE + "+gzip")]}, "package_media_type_unknown"),
    "a path upward": ({"layers": [_layer(path="../../etc/passwd")]}, "package_path_unsafe"),
    "no path": (
        {"layers": [{"mediaType": documents.WEIGHTS_TYPE, "digest": _DIGEST, "size": 5}]},
        "package_path_unsafe",
    ),
    "a digest that is a path": ({"layers": [_layer(digest="sha256:../../x")]}, "package_digest_invalid"),
    "a negative size": ({"layers": [{**_layer(), "size": -1}]}, "package_manifest_invalid"),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_what_is_no_document_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(PackageError) as caught:
        documents.decode_manifest(data)
    assert caught.value.code == code


@pytest.mark.parametrize(("changes", "code"), WRONG.values(), ids=WRONG.keys())
def test_a_manifest_that_is_not_a_package_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(PackageError) as caught:
        _decoded(_manifest(**changes))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "modelfs",
    [{"type": "layers", "diffIds": []}, {"type": "layers", "diffIds": [_OTHER]}, {"type": "tar", "diffIds": [_DIGEST]}],
)
def test_a_configuration_must_list_the_manifests_layers(modelfs: dict[str, Any]) -> None:
    manifest = _decoded(_manifest())
    documents.decode_config(json.dumps(_config()).encode(), manifest)
    with pytest.raises(PackageError) as caught:
        documents.decode_config(json.dumps(_config(modelfs=modelfs)).encode(), manifest)
    assert caught.value.code == "package_manifest_invalid"


def _described(text: str) -> bytes:
    plain = _config()
    return json.dumps({**plain, "descriptor": {**plain["descriptor"], "description": text}}).encode()


@pytest.mark.parametrize("letter", ["\x1b", "\0", "\x9b", "\x7f"])
def test_what_a_terminal_would_obey_is_refused(letter: str) -> None:
    with pytest.raises(PackageError, match="control characters"):
        documents.decode_config(_described(f"a{letter}[2J"), _decoded(_manifest()))
    for notes in ({letter: "a"}, {documents.VERTICAL: letter}):
        with pytest.raises(PackageError, match="control characters"):
            _decoded(_manifest(annotations=notes))


def test_lines_and_any_writing_are_kept() -> None:
    text = "Two\r\nlines\tand \u4e2d\u6587\u3000\xa0."
    assert documents.decode_config(_described(text), _decoded(_manifest())).descriptor.description == text


def test_an_index_may_not_list_a_name_twice() -> None:
    entry = {**_layer(documents.MANIFEST_TYPE), "annotations": {documents.REF_NAME: "tiny"}}
    index = {"schemaVersion": 2, "mediaType": documents.INDEX_TYPE, "manifests": [entry]}
    assert len(documents.decode_index(json.dumps(index).encode()).manifests) == 1
    with pytest.raises(PackageError) as caught:
        documents.decode_index(json.dumps({**index, "manifests": [entry, entry]}).encode())
    assert caught.value.code == "package_manifest_invalid"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_is_a_package_error_or_a_document(value: object) -> None:
    data = json.dumps(value).encode()
    for decode in (documents.decode_manifest, documents.decode_index):
        with pytest.raises(PackageError):
            decode(data)


def test_layers_of_other_tools_are_told_apart_by_their_type() -> None:
    prompt = _layer(documents.CODE_TYPE, _OTHER, "prompt.md")
    prompt["annotations"]["ml.kitops.modelkit.layer-subtype"] = "prompt"
    kinds = [documents.WEIGHT_CONFIG_TYPE, documents.CODE_TYPE, documents.DATASET_TYPE, documents.DOC_TYPE]
    others = [_layer(kind, _OTHER, f"{number}") for number, kind in enumerate(kinds)]
    manifest = _decoded(_manifest(layers=[_layer(), prompt, *others]))
    roles = [documents.role_of(layer) for layer in manifest.layers]
    assert roles == ["weights", "prompt", "tokenizer", "doc", "doc", "doc"]
