"""Batches at rest: a status changes only from where it may, and each change has its time."""

import pytest
from sqlalchemy import Engine

from homeport.core.errors import CapacityError
from homeport.core.types import DataClass
from homeport.storage.batches import Batch, BatchProblem, BatchStatus, BatchStore, Tally, new_batch_id, problems_json

NOW = 1_700_000_000_000_000_000
OPEN = {BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.CANCELLING}


def batch(key_id: str = "key_a", created_at: int = NOW, status: BatchStatus = BatchStatus.VALIDATING) -> Batch:
    return Batch(
        id=new_batch_id(), key_id=key_id, endpoint="/v1/chat/completions", input_file_id="file-1",
        data_class=DataClass.PRIVATE, created_at=created_at, expires_at=created_at + 86_400, status=status,
        metadata={"who": "Ünal"}, output_seconds=3600, errors=(BatchProblem(code="c", message="m", line=3),),
        tally=Tally(completed=1, failed=2, input_tokens=3, cached_input_tokens=4, output_tokens=5, cost=6), total=9,
    )  # fmt: skip


@pytest.fixture
def store(engine: Engine) -> BatchStore:
    return BatchStore(engine, lambda: NOW + 7)


def test_what_is_stored_is_read(store: BatchStore) -> None:
    stored = batch()
    store.add(stored, 10)
    assert store.get("key_a", stored.id) == stored
    assert store.read(stored.id) == stored
    assert store.get("key_b", stored.id) is None
    assert store.read("batch_none") is None


def test_a_key_has_a_bound_on_batches_that_are_not_over(store: BatchStore) -> None:
    for status in BatchStatus:
        store.add(batch(status=status), 100)
    with pytest.raises(CapacityError) as caught:
        store.add(batch(), len(OPEN))
    assert caught.value.code == "too_many_batches"
    store.add(batch(key_id="key_b"), len(OPEN))
    store.add(batch(), len(OPEN) + 1)


def test_pages_are_newest_first_and_of_one_key(store: BatchStore) -> None:
    mine = [batch(created_at=NOW + number // 2) for number in range(5)]
    for each in [*mine, batch(key_id="key_b")]:
        store.add(each, 10)
    wanted = sorted(mine, key=lambda each: (each.created_at, each.id), reverse=True)
    first, more = store.page("key_a", after=None, limit=3)
    rest, no_more = store.page("key_a", after=first[-1].id, limit=3)
    assert [*first, *rest] == wanted
    assert (more, no_more) == (True, False)
    assert store.page("key_b", after=wanted[0].id, limit=9)[0] != ()


def test_the_worker_finds_what_is_not_over_of_every_key(store: BatchStore) -> None:
    for status in BatchStatus:
        store.add(batch(key_id=f"key_{status}", status=status), 10)
    assert {each.status for each in store.open()} == OPEN
    assert all(each.is_open for each in store.open())


@pytest.mark.parametrize("status", list(BatchStatus))
def test_only_an_early_batch_can_be_cancelled(store: BatchStore, status: BatchStatus) -> None:
    stored = batch(status=status)
    store.add(stored, 10)
    assert store.cancel("key_b", stored.id) is False
    early = status in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
    assert store.cancel("key_a", stored.id) is early
    now = store.read(stored.id)
    assert now is not None
    assert (now.status, now.cancelling_at) == ((BatchStatus.CANCELLING, NOW + 7) if early else (status, None))


def test_a_move_from_elsewhere_changes_nothing(store: BatchStore) -> None:
    """The worker finishes a batch that was cancelled meanwhile: the caller's word stands."""
    stored = batch(status=BatchStatus.IN_PROGRESS)
    store.add(stored, 10)
    store.cancel("key_a", stored.id)
    assert store.move(stored.id, BatchStatus.FINALIZING, BatchStatus.IN_PROGRESS, total=1) is False
    assert store.status(stored.id) is BatchStatus.CANCELLING
    assert store.move(stored.id, BatchStatus.CANCELLED, BatchStatus.CANCELLING, total=1) is True
    now = store.read(stored.id)
    assert now is not None
    assert (now.status, now.cancelled_at, now.total, now.finalizing_at) == (BatchStatus.CANCELLED, NOW + 7, 1, None)


def test_problems_and_progress_are_noted(store: BatchStore) -> None:
    stored = batch()
    store.add(stored, 10)
    problems = (BatchProblem(code="invalid_json_line", message="no", line=2, param=None),)
    store.note(stored.id, Tally(completed=5, cost=1 << 40))
    store.move(stored.id, BatchStatus.FAILED, BatchStatus.VALIDATING, errors=problems_json(problems))
    now = store.read(stored.id)
    assert now is not None
    assert (now.errors, now.failed_at, now.tally) == (problems, NOW + 7, Tally(completed=5, cost=1 << 40))
