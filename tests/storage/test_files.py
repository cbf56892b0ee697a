"""Files: a key sees its own, within its quota, until their time is over; nothing a caller says becomes a path."""

import errno
import os
import stat
import time
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.errors import InvalidRequest, RequestTooLarge, StorageError
from homeport.core.types import DataClass
from homeport.storage.batches import Batch, BatchStatus, BatchStore
from homeport.storage.files import Draft, FileStore, Quota, StoredFile, new_file_id

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
WIDE = Quota(files=100, total_bytes=1 << 20)


def described(key_id: str = "key_a", **fields: object) -> StoredFile:
    file = StoredFile(
        id=new_file_id(), key_id=key_id, purpose="batch", filename="in.jsonl", bytes=0,
        data_class=DataClass.OPEN, created_at=NOW, expires_at=NOW + 30 * DAY,
    )  # fmt: skip
    return msgspec.structs.replace(file, **fields)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine: Engine, tmp_path: Path, clock: Clock) -> FileStore:
    folder = tmp_path / "files"
    folder.mkdir(mode=0o700)
    return FileStore(engine, folder, clock)


def upload(store: FileStore, data: bytes = b"{}\n", quota: Quota | None = WIDE, **fields: object) -> StoredFile:
    draft = store.draft()
    draft.write(data)
    try:
        return store.keep(draft, described(**fields), quota)  # type: ignore[arg-type] # a test's keywords
    finally:
        draft.discard()


def test_a_file_is_kept_as_it_was_sent_for_its_owner_alone(store: FileStore) -> None:
    kept = upload(store, b"caf\xe9\n" * 1000)
    assert kept.bytes == 5000
    assert store.get("key_a", kept.id) == kept
    assert store.path(kept.id).read_bytes() == b"caf\xe9\n" * 1000
    assert stat.S_IMODE(store.path(kept.id).stat().st_mode) == 0o600
    assert list(store.path("").glob("*.part")) == []


def test_another_key_sees_nothing_of_it(store: FileStore) -> None:
    kept = upload(store)
    assert store.get("key_b", kept.id) is None
    assert store.page("key_b", purpose=None, after=None, limit=10, order="desc").files == ()
    assert store.page("key_b", purpose=None, after=kept.id, limit=10, order="desc").files == ()
    assert store.delete("key_b", kept.id) is False
    assert store.path(kept.id).exists()


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "", ".", "file-%00", "file-\0", "%", "' OR 1=1 --"])
def test_what_is_no_id_is_not_there(store: FileStore, name: str) -> None:
    upload(store)
    store.path("").parent.joinpath("precious").touch()
    assert store.get("key_a", name) is None
    assert store.delete("key_a", name) is False
    assert store.path("").parent.joinpath("precious").exists()


def test_pages_lead_to_every_file_once(store: FileStore, clock: Clock) -> None:
    ids = [upload(store, created_at=NOW + (number // 2)).id for number in range(7)]
    oldest_first = sorted(ids, key=lambda file_id: (NOW + ids.index(file_id) // 2, file_id))
    for order, wanted in (("asc", oldest_first), ("desc", oldest_first[::-1])):
        seen: list[str] = []
        after = None
        while True:
            page = store.page("key_a", purpose=None, after=after, limit=3, order=order)  # type: ignore[arg-type] # a literal above
            seen += [file.id for file in page.files]
            if not page.has_more:
                break
            after = seen[-1]
        assert seen == wanted


def test_a_page_can_be_of_one_purpose(store: FileStore) -> None:
    upload(store)
    output = upload(store, purpose="batch_output")
    page = store.page("key_a", purpose="batch_output", after=None, limit=10, order="desc")
    assert page.files == (output,)


def test_a_deleted_file_is_gone_with_its_bytes(store: FileStore) -> None:
    kept = upload(store)
    assert store.delete("key_a", kept.id) is True
    assert store.get("key_a", kept.id) is None
    assert not store.path(kept.id).exists()
    assert store.delete("key_a", kept.id) is False


@pytest.mark.parametrize("status", list(BatchStatus))
def test_a_file_that_a_batch_reads_stays(store: FileStore, engine: Engine, status: BatchStatus) -> None:
    kept = upload(store)
    batch = Batch(
        id="batch_1", key_id="key_a", endpoint="/v1/embeddings", input_file_id=kept.id,
        data_class=DataClass.OPEN, created_at=NOW, expires_at=NOW + DAY, status=status,
    )  # fmt: skip
    BatchStore(engine).add(batch, 10)
    if batch.is_open:
        with pytest.raises(InvalidRequest) as caught:
            store.delete("key_a", kept.id)
        assert caught.value.code == "file_in_use"
        assert store.path(kept.id).exists()
    else:
        assert store.delete("key_a", kept.id) is True


def test_a_number_of_files_is_the_bound(store: FileStore) -> None:
    quota = Quota(files=2, total_bytes=1000)
    upload(store, quota=quota)
    upload(store, quota=quota)
    with pytest.raises(RequestTooLarge) as caught:
        upload(store, quota=quota)
    assert caught.value.code == "file_quota_exceeded"
    with pytest.raises(RequestTooLarge):
        store.room("key_a", quota)
    upload(store, key_id="key_b", quota=quota)
    assert len(list(store.path("").iterdir())) == 3


def test_a_sum_of_bytes_is_the_bound(store: FileStore) -> None:
    quota = Quota(files=100, total_bytes=10)
    upload(store, b"123456", quota=quota)
    assert store.room("key_a", quota) == 4
    with pytest.raises(RequestTooLarge):
        upload(store, b"12345", quota=quota)
    upload(store, b"1234", quota=quota)
    assert len(list(store.path("").iterdir())) == 2


def test_what_a_batch_gives_is_never_refused(store: FileStore) -> None:
    quota = Quota(files=1, total_bytes=4)
    upload(store, quota=quota)
    assert upload(store, b"x" * 100, quota=None, purpose="batch_output").bytes == 100


def test_a_file_kept_twice_under_one_id_is_one_file(store: FileStore) -> None:
    first = upload(store, b"same", id="file-same")
    again = upload(store, b"same", id="file-same")
    assert store.get("key_a", "file-same") == first == again
    assert len(list(store.path("").iterdir())) == 1


def test_a_file_past_its_time_is_not_there_and_is_purged(store: FileStore, clock: Clock) -> None:
    old, young = upload(store, expires_at=NOW + DAY), upload(store, expires_at=NOW + 2 * DAY)
    clock.now = NOW + DAY
    assert store.get("key_a", old.id) is None
    assert store.purge() == 1
    assert not store.path(old.id).exists()
    assert store.get("key_a", young.id) == young
    assert store.path(young.id).exists()


def test_a_file_past_its_time_that_a_batch_reads_is_kept_until_that_is_over(
    store: FileStore, engine: Engine, clock: Clock
) -> None:
    kept = upload(store, expires_at=NOW + DAY)
    batches = BatchStore(engine)
    batch = Batch(
        id="batch_1", key_id="key_a", endpoint="/v1/embeddings", input_file_id=kept.id,
        data_class=DataClass.OPEN, created_at=NOW, expires_at=NOW + DAY,
    )  # fmt: skip
    batches.add(batch, 10)
    clock.now = NOW + 2 * DAY
    assert store.purge() == 0
    assert store.path(kept.id).exists()
    batches.move("batch_1", BatchStatus.FAILED, BatchStatus.VALIDATING)
    assert store.purge() == 1


def test_what_broken_uploads_left_is_purged_when_it_is_old(store: FileStore, clock: Clock) -> None:
    clock.now = time.time_ns()
    kept = upload(store, created_at=clock.now, expires_at=clock.now + DAY)
    broken, unnamed, fresh = store.path("a.part"), store.path("file-unnamed"), store.path("b.part")
    for path in (broken, unnamed, fresh):
        path.write_bytes(b"x")
    for path in (broken, unnamed, store.path(kept.id)):
        os.utime(path, (0, 0))
    log = store.path("batch_1.results")
    log.write_bytes(b"")
    os.utime(log, (0, 0))
    store.purge()
    assert {path.name for path in store.path("").iterdir()} == {kept.id, "b.part", "batch_1.results"}


def test_a_draft_that_is_given_up_leaves_nothing(store: FileStore) -> None:
    draft = store.draft()
    draft.write(b"half")
    draft.discard()
    assert list(store.path("").iterdir()) == []
    draft.discard()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "a.part")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, draft._file.fileno())
    os.close(full)
    with pytest.raises(StorageError) as caught:
        draft.write(b"x" * 1_000_000)
    assert caught.value.code == "disk_full"
    assert os.strerror(errno.ENOSPC) in caught.value.message
    draft.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_said(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        FileStore(engine, tmp_path / "missing").draft()
    assert caught.value.code == "files_unwritable"
