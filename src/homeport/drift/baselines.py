"""The files of an audited model, in a folder of its own: what is asked, and what was answered, batch by batch.

`baseline.json` has the probes. `answers.jsonl` has the answers in the very form that `homeport drift replay` reads,
with some fields more that it passes over; `open.jsonl` has those of a batch that is being asked. `looks.jsonl` has the
answers of the hourly looks that were usual, and `bursts.jsonl` what became of the others. A new baseline moves the
files of the one before into a folder `before-TIME`.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec

from homeport.core.errors import ConfigError, HomeportError
from homeport.drift.asking import Reply
from homeport.drift.border import Probe
from homeport.drift.recording import MOST_LINE_BYTES
from homeport.drift.search import Method

_BASELINE, _ANSWERS, _OPEN = "baseline.json", "answers.jsonl", "open.jsonl"
_LOOKS, _BURSTS = "looks.jsonl", "bursts.jsonl"
_FILES = (_BASELINE, _ANSWERS, _OPEN, _LOOKS, _BURSTS)
_MOST_BYTES = 8 << 20
Line = TypeVar("Line", bound=msgspec.Struct)
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model, and how.

    Attributes:
        name: the model, as callers of the gateway name it.
        made_at: nanoseconds since the epoch.
        via: a provider or engine of the configuration that is asked directly; "" for the gateway.
        steady: whether the reference answered the same each time.
        repeats: how often each probe is asked in a batch.
        seed: a secret from which the times of questions come.
        batch_tokens: input and output tokens of a batch, by what the search used.
    """

    name: str
    made_at: int
    via: str = ""
    method: Method
    steady: bool
    probes: tuple[Probe, ...]
    repeats: int
    seed: str
    batch_tokens: int


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of `answers.jsonl`: the first four fields are a recording's.

    Attributes:
        batch: ISO time, the same for all of a batch.
        model, fingerprint: what the answer called itself.
        error: "" where it was answered; only `open.jsonl` has others.
    """

    batch: str
    probe: str
    output: str
    logprobs: Mapping[str, float] = {}
    model: str = ""
    fingerprint: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    request: str = ""
    error: str = ""


def asked(batch: str, probe: str, reply: Reply) -> Asked:
    """A reply as a line."""
    return Asked(
        batch=batch,
        probe=probe,
        output=reply.text,
        logprobs=reply.logprobs,
        model=reply.model[:200],
        fingerprint=reply.fingerprint[:200],
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        seconds=round(reply.seconds, 4),
        request=reply.request_id[:80],
        error=reply.error,
    )


def iso(ns: int) -> str:
    """Nanoseconds since the epoch as a batch is called."""
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")


def nanoseconds(batch: str) -> int:
    """Of a batch as it is called."""
    moment = datetime.fromisoformat(batch)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e9)


@dataclass(frozen=True)
class Archive:
    """The folder of one model."""

    folder: Path

    @property
    def answers(self) -> Path:
        return self.folder / _ANSWERS

    @property
    def looks(self) -> Path:
        return self.folder / _LOOKS

    @property
    def open(self) -> Path:
        return self.folder / _OPEN

    @property
    def bursts(self) -> Path:
        return self.folder / _BURSTS

    def read(self) -> Baseline | None:
        """What is asked; None where there is no baseline.

        Raises:
            HomeportError: baseline_unreadable.
        """
        path = self.folder / _BASELINE
        try:
            with path.open("rb") as file:
                return msgspec.json.decode(file.read(_MOST_BYTES), type=Baseline)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise HomeportError(
                f"{path} cannot be read: {str(error)[:200]}",
                code="baseline_unreadable",
                hint="make another: homeport drift baseline NAME",
            ) from error

    def begin(self, baseline: Baseline) -> None:
        """Start anew with other probes; what there was is moved aside. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [name for name in _FILES if (self.folder / name).exists()]
        if there:
            aside = self.folder / f"before-{baseline.made_at}"
            aside.mkdir(mode=0o700)
            for name in there:
                (self.folder / name).rename(aside / name)
        written = self.folder / f"{_BASELINE}.new"
        written.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=1))
        written.rename(self.folder / _BASELINE)

    def append(self, path: Path, lines: Sequence[msgspec.Struct]) -> None:
        """Add lines in one write, so that two who write at once do not mix them. Raises OSError."""
        text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, text)
        finally:
            os.close(handle)

    def rows(self, path: Path) -> Iterator[Asked]:
        """The answers in one of its files; nothing where there is none. Raises as `read_lines`."""
        return read_lines(path, Asked)


def read_lines(path: Path, kind: type[Line]) -> Iterator[Line]:
    """What was written to a file, line by line; nothing where there is no file.

    Raises:
        ConfigError: recording_invalid, with the line.
    """
    decoder = msgspec.json.Decoder(kind)
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, MOST_LINE_BYTES), b""), 1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise ConfigError(
                    f"{path}, line {number}, cannot be read: {str(error)[:200]}",
                    code="recording_invalid",
                    hint="remove the line, or make another baseline: homeport drift baseline NAME",
                ) from error


def archive_of(root: Path, name: str) -> Archive:
    """The folder of a model, which need not be there, below the folder of all."""
    plain = _PLAIN.sub("-", name)[:40].strip("-.") or "model"
    return Archive(root / f"{plain}-{blake2b(name.encode(), digest_size=4).hexdigest()}")


def archives(root: Path) -> tuple[Archive, ...]:
    """The folders of all models that have a baseline."""
    return tuple(Archive(path.parent) for path in sorted(root.glob(f"*/{_BASELINE}")))
