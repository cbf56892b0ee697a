"""Datasets of requests that were kept whole: what was asked, with what was answered as the reference."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.evaluation.datasets import DatasetCase
from homeport.evaluation.jsonlines import encode_lines
from homeport.evaluation.suites import MAX_LINE_BYTES, Message
from homeport.ledger.export import write_whole
from homeport.protocols.answers.parts import field, value_of
from homeport.storage.bodies import BodyStore
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import stream_requests
from homeport.storage.request_rows import RequestRow
from homeport.traces.said import said

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MOST_TOKENS = 131_072
_ATTACHED = re.compile(rb'"type"\s*:\s*"(?:input_)?(?:image|image_url|file|audio|document|video_url)"')


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """How many cases there are, and how many requests make none.

    Attributes:
        not_kept: nothing of them was kept whole.
        unsuited: they were not answered with text alone, hold more than text, or ask what a case asks already.
    """

    cases: int
    not_kept: int
    unsuited: int


def write_dataset(
    engine: Engine, bodies: BodyStore, out: Path, wanted: RequestFilter, most: int, *, replace: bool
) -> Gathered:
    """Write the newest requests that a filter admits, `most` at most, to a file that its owner alone can read.

    Raises:
        ConfigError: export_file_exists.
        StorageError: export_unwritable.
    """
    counts = {"not_kept": 0, "unsuited": 0}
    found: dict[bytes, DatasetCase] = {}
    for case in _cases(engine, bodies, wanted, counts):
        asked = msgspec.json.encode(case.messages)
        if asked in found:
            counts["unsuited"] += 1
            del found[asked]
        found[asked] = case
    cases = list(found.values())[-most:]

    def write(draft: Path) -> int:
        draft.touch(mode=0o600)
        return draft.write_bytes(encode_lines(cases))

    write_whole(out, write, replace=replace)
    return Gathered(cases=len(cases), not_kept=counts["not_kept"], unsuited=counts["unsuited"])


def _cases(engine: Engine, bodies: BodyStore, wanted: RequestFilter, counts: dict[str, int]) -> Iterator[DatasetCase]:
    for row in stream_requests(engine, wanted):
        try:
            kept = bodies.get(row.request_id)
        except StorageError:  # that one cannot be read is no reason to take none
            kept = None
        if kept is None:
            counts["not_kept"] += 1
            continue
        case = _case(row, kept)
        if case is None:
            counts["unsuited"] += 1
            continue
        yield case


def _case(row: RequestRow, kept: Captured) -> DatasetCase | None:
    """None where it makes none."""
    told = said(kept)
    if told.tool_calls or _ATTACHED.search(kept.body):
        return None
    try:
        messages = msgspec.convert(
            [{"role": message.role, "content": message.text} for message in told.messages], tuple[Message, ...]
        )
    except msgspec.ValidationError:
        return None
    case = DatasetCase(
        id=row.request_id,
        messages=messages,
        max_tokens=_limit(kept.body),
        reference=told.answer,
        metadata={"model": row.target, "tier": row.tier},
    )
    return case if _is_whole(case, told.finish) else None


def _is_whole(case: DatasetCase, finish: str) -> bool:
    """Whether the answer ended by itself, to a question that fits into a line."""
    if finish != "stop" or not case.messages or not (case.reference or "").strip():
        return False
    return len(msgspec.json.encode(case)) <= MAX_LINE_BYTES


def _limit(body: bytes) -> int | msgspec.UnsetType:
    """Of the answer's length, as the caller set it."""
    fields = value_of(body)
    found = (field(fields, name) for name in _LIMITS)
    return next((one for one in found if type(one) is int and 1 <= one <= _MOST_TOKENS), msgspec.UNSET)
