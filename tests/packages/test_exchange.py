"""Packages to a registry and back: the digest stays, and whatever a registry does wrong is refused whole."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages import blob_transfer, exchange
from homeport.packages.access import Access, Credential
from homeport.packages.digest import Digest, parse_digest
from homeport.packages.layout import Store
from homeport.packages.verify import verify
from tests.fakes.gguf import gguf
from tests.fakes.progress import RecordedProgress
from tests.fakes.registry import PASSWORD, TOKEN, USER, FakeRegistry, cut_after, digest, running
from tests.packages.places import REPOSITORY, SILENT, files_of, fill, place_at, registry_at, replace_weights

ZEROS = Digest(f"sha256:{'0' * 64}")


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there")


def pushed(fake: FakeRegistry, store: Store, folder: Path, data: bytes = b"") -> Digest:
    package = fill(store, folder, data)
    place = exchange.push(store, "tiny", place_at(fake.host), registry_at(fake), SILENT)
    assert place.digest == package.digest
    fake.asked.clear()
    return package.digest


def refusal(store: Store, fake: FakeRegistry, digest: Digest | None = None) -> PackageError:
    """What pulling is refused with; the store is as it was before."""
    before = files_of(store)
    place = msgspec.structs.replace(place_at(fake.host), digest=digest)
    with pytest.raises(PackageError) as caught:
        exchange.pull(store, place, registry_at(fake), SILENT)
    assert files_of(store) == before
    assert caught.value.hint
    return caught.value


def test_a_package_comes_back_as_it_went(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    package = exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT)
    assert package.digest == wanted == fake.tagged(REPOSITORY, "1.0")
    assert package.weights.read_bytes() == gguf()
    assert verify(there, "tiny", wanted).digest == wanted
    assert files_of(there) == files_of(store)


def test_progress_counts_every_byte(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    progress = RecordedProgress()
    exchange.pull(there, place_at(fake.host), registry_at(fake), progress)
    assert len(gguf()) in progress.of("advance")
    assert len(progress.of("start")) == len(progress.of("finish"))


def test_nothing_is_sent_twice(fake: FakeRegistry, store: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    exchange.push(store, "tiny", place_at(fake.host, "stable"), registry_at(fake), SILENT)
    assert fake.times("POST") == 0
    assert fake.tagged(REPOSITORY, "stable") == fake.tagged(REPOSITORY, "1.0")


def test_what_the_store_has_is_not_fetched(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    package = exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT)
    fake.asked.clear()
    exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT)
    assert [path for method, path, _ in fake.asked if digest(package.weights.read_bytes()) in path] == []


def test_a_damaged_file_of_the_store_is_fetched_again(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    package = exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT)
    package.weights.write_bytes(package.weights.read_bytes()[:-1] + b"!")
    exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT)
    assert verify(there, "tiny", wanted).weights.read_bytes() == gguf()


def test_a_damaged_package_is_not_pushed(fake: FakeRegistry, store: Store, tmp_path: Path) -> None:
    package = fill(store, tmp_path / "shelf")
    package.weights.write_bytes(package.weights.read_bytes()[:-1] + b"!")
    with pytest.raises(DigestMismatch) as caught:
        exchange.push(store, "tiny", place_at(fake.host), registry_at(fake), SILENT)
    assert "homeport package pull tiny" in caught.value.hint
    assert fake.asked == []


def test_a_flipped_bit_in_any_blob_is_refused(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    assert len(fake.blobs) == 3
    for name, data in list(fake.blobs.items()):
        fake.blobs[name] = bytes([data[0] ^ 1]) + data[1:]
        assert refusal(there, fake).code == "package_digest_mismatch"
        fake.blobs[name] = data


@pytest.mark.parametrize("size", [-1, 1, 100_000])
def test_a_blob_of_another_size_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path, size: int
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    for name, data in list(fake.blobs.items()):
        fake.blobs[name] = data[:size] if size < 0 else data + bytes(size)
        assert refusal(there, fake).code == "package_size_mismatch"
        fake.blobs[name] = data


def test_a_swapped_tag_is_refused_where_a_digest_is_pinned(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    pushed(fake, Store(tmp_path / "other"), tmp_path / "shelf", gguf(data=bytes(64)))
    error = refusal(there, fake, wanted)
    assert (error.code, isinstance(error, DigestMismatch)) == ("package_tag_moved", True)
    # By its digest alone it is still there.
    place = msgspec.structs.replace(place_at(fake.host), tag="", digest=wanted)
    assert exchange.pull(there, place, registry_at(fake), SILENT).digest == wanted


def test_other_bytes_under_a_digest_are_refused(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    data, kind = fake.manifests[REPOSITORY, wanted]
    fake.manifests[REPOSITORY, wanted] = (data + b" ", kind)
    place = msgspec.structs.replace(place_at(fake.host), tag="", digest=wanted)
    with pytest.raises(DigestMismatch) as caught:
        exchange.pull(there, place, registry_at(fake), SILENT)
    assert caught.value.code == "package_manifest_mismatch"


def test_a_registry_that_lies_about_a_digest_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    data, _ = fake.manifests[REPOSITORY, "1.0"]
    fake.fault("GET", "/manifests/", lambda asked: asked.answer(200, data, Docker_Content_Digest=ZEROS))
    assert refusal(there, fake).code == "package_manifest_mismatch"


def test_a_manifest_that_is_too_large_is_refused(fake: FakeRegistry, there: Store) -> None:
    fake.fault("GET", "/manifests/", lambda asked: asked.answer(200, bytes(4 * 1024 * 1024 + 1)))
    assert refusal(there, fake).code == "package_too_large"


def test_a_manifest_that_announces_too_much_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    data, kind = fake.manifests[REPOSITORY, "1.0"]
    document = msgspec.json.decode(data)
    document["layers"][0]["size"] = 1 << 60
    fake.manifests[REPOSITORY, "1.0"] = (msgspec.json.encode(document), kind)
    assert refusal(there, fake).code == "package_too_large"
    assert fake.times("GET", "/blobs/") == 0


def test_a_file_that_is_too_large_for_what_it_is_is_not_fetched(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    data, kind = fake.manifests[REPOSITORY, "1.0"]
    document = msgspec.json.decode(data)
    document["layers"][1]["size"] = 1 << 30
    fake.manifests[REPOSITORY, "1.0"] = (msgspec.json.encode(document), kind)
    assert refusal(there, fake).code == "package_too_large"
    assert fake.times("GET", "/blobs/") == 0


def test_what_is_there_by_its_name_and_version_is_replaced_only_where_that_is_asked_for(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    mine = fill(there, tmp_path / "shelf", gguf(data=bytes(2000)))
    before = files_of(there)
    with pytest.raises(PackageError) as caught:
        exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT, replace=False)
    assert caught.value.code == "package_version_taken"
    assert (files_of(there), there.get("tiny"), fake.times("GET", digest(gguf()))) == (before, mine, 0)
    assert exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT).digest == wanted


def test_a_package_that_calls_itself_otherwise_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    with pytest.raises(PackageError) as caught:
        exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT, name="other")
    assert caught.value.code == "package_name_mismatch"


def test_weights_of_another_format_are_refused(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    replace_weights(fake, b"\x80\x04\x95pickle")
    assert refusal(there, fake).code == "package_pickle_refused"


def test_a_cut_download_goes_on_where_it_was_cut(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    weights = digest(gguf())
    fake.fault("GET", weights, cut_after(100), times=3)
    assert exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT).digest == wanted
    ranges = [headers.get("range") for _, path, headers in fake.asked if path.endswith(weights)]
    assert ranges == [None, "bytes=100-", "bytes=200-", "bytes=300-"]


def test_a_download_that_is_always_cut_ends(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    pushed(fake, store, tmp_path / "shelf")
    fake.fault("GET", digest(gguf()), cut_after(0), times=100)
    assert refusal(there, fake).code == "package_source_unreachable"


def test_a_registry_that_begins_again_is_followed(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    fake.fault("GET", digest(gguf()), cut_after(100))
    fake.fault("GET", digest(gguf()), lambda asked: asked.answer(200, gguf()))
    assert exchange.pull(there, place_at(fake.host), registry_at(fake), SILENT).digest == wanted


def test_another_part_than_was_asked_for_is_refused(
    fake: FakeRegistry, store: Store, there: Store, tmp_path: Path
) -> None:
    pushed(fake, store, tmp_path / "shelf")
    fake.fault("GET", digest(gguf()), cut_after(100))
    fake.fault("GET", digest(gguf()), lambda asked: asked.answer(206, gguf()[50:], Content_Range="bytes 50-1/2"))
    assert refusal(there, fake).code == "registry_failed"


def test_large_blobs_go_in_pieces(
    fake: FakeRegistry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_transfer, "PIECE", 500)
    wanted = pushed(fake, store, tmp_path / "shelf", gguf(data=bytes(1600)))
    assert fake.tagged(REPOSITORY, "1.0") == wanted
    assert digest(gguf(data=bytes(1600))) in fake.blobs


@pytest.mark.parametrize("cut", [1, 3])
def test_an_upload_goes_on_where_it_was_cut(
    fake: FakeRegistry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(blob_transfer, "PIECE", 500)
    package = fill(store, tmp_path / "shelf")
    fake.fault("PATCH", "", lambda asked: asked.hang_up(), times=cut)
    exchange.push(store, "tiny", place_at(fake.host), registry_at(fake), SILENT)
    assert fake.tagged(REPOSITORY, "1.0") == package.digest
    assert fake.times("PATCH") == cut + -(-len(gguf()) // 500)


def test_a_registry_that_takes_no_pieces_gets_the_whole(
    fake: FakeRegistry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_transfer, "PIECE", 500)
    fake.takes_pieces = False
    assert pushed(fake, store, tmp_path / "shelf") == fake.tagged(REPOSITORY, "1.0")


def test_an_upload_that_breaks_is_begun_again(fake: FakeRegistry, store: Store, tmp_path: Path) -> None:
    fake.fault("PUT", "/blobs/", lambda asked: asked.hang_up(), times=2)
    assert pushed(fake, store, tmp_path / "shelf") == fake.tagged(REPOSITORY, "1.0")


def test_a_password_opens_a_registry(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    access = Access(credentials={fake.host: Credential(username=USER, password=PASSWORD)})
    for kind in ("basic", "bearer"):
        fake.auth = kind
        package = fill(store, tmp_path / "shelf")
        exchange.push(store, "tiny", place_at(fake.host, kind), registry_at(fake, access), SILENT)
        assert exchange.pull(there, place_at(fake.host, kind), registry_at(fake, access), SILENT) == verify(
            there, "tiny"
        )
        assert fake.tagged(REPOSITORY, kind) == package.digest


def test_a_token_is_sent_as_it_is(fake: FakeRegistry, store: Store, tmp_path: Path) -> None:
    fake.auth = "bearer"
    fill(store, tmp_path / "shelf")
    access = Access(credentials={fake.host: Credential(token=TOKEN)})
    exchange.push(store, "tiny", place_at(fake.host), registry_at(fake, access), SILENT)
    assert fake.times("GET", "/token") == 0


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_who_may_not_is_told_so_once(fake: FakeRegistry, there: Store, kind: str) -> None:
    fake.auth = kind
    assert refusal(there, fake).code == "registry_denied"
    assert fake.times("GET", "/manifests/") <= 2


@pytest.mark.parametrize(
    ("status", "code", "asked"),
    [
        (403, "registry_denied", 1),
        (404, "package_not_found", 1),
        (418, "registry_failed", 1),
        (429, "registry_busy", 4),
        (500, "registry_busy", 4),
    ],
)
def test_what_a_registry_says_is_told(fake: FakeRegistry, there: Store, status: int, code: str, asked: int) -> None:
    body = b'{"errors":[{"code":"NOPE","message":"\\u001b[31mred"}]}'
    fake.fault("GET", "/manifests/", lambda each: each.answer(status, body), times=100)
    error = refusal(there, fake)
    assert (error.code, fake.times("GET")) == (code, asked)
    assert "NOPE" in error.message
    assert error.message.isprintable()


def test_a_busy_registry_is_waited_for(fake: FakeRegistry, store: Store, there: Store, tmp_path: Path) -> None:
    wanted = pushed(fake, store, tmp_path / "shelf")
    fake.fault("GET", "/manifests/", lambda asked: asked.answer(429, Retry_After="7"))
    fake.fault("GET", "/manifests/", lambda asked: asked.answer(503, Retry_After="99999"))
    pauses: list[float] = []
    assert exchange.pull(there, place_at(fake.host), registry_at(fake, pauses=pauses), SILENT).digest == wanted
    assert pauses == [7.0, 30.0]


def test_what_needs_no_tag_in_the_store_needs_one_in_a_registry(
    fake: FakeRegistry, store: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    for place, code in (
        (msgspec.structs.replace(place_at(fake.host), tag="", digest=package.digest), "package_reference_invalid"),
        (place_at(fake.host).pinned(parse_digest(ZEROS)), "package_manifest_mismatch"),
    ):
        with pytest.raises(PackageError) as caught:
            exchange.push(store, "tiny", place, registry_at(fake), SILENT)
        assert caught.value.code == code
    assert fake.asked == []
    with pytest.raises(PackageError, match="no package"):
        exchange.push(store, "other", place_at(fake.host), registry_at(fake), SILENT)
