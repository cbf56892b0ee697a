"""A run: what one route answered to a dataset by one prompt, as a file of JSON lines.

The first line says what was asked of whom, each other one is an answer with its score, cost and latency. A run that
was interrupted goes on in the same file. What is read may be anybody's: it is bounded, and errors name the line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.evaluation.datasets import MAX_DATASET_CASES
from homeport.evaluation.jsonlines import LineError, decoder_of, numbered_lines
from homeport.evaluation.suites import PRINTED

MAX_EPOCHS = 100
MAX_ANSWERS = 1_000_000
MAX_RUN_LINE_BYTES = 8 << 20
_Text = Annotated[str, Meta(max_length=256, pattern=PRINTED)]
_Nano = Annotated[int, Meta(ge=0, le=10**18)]


class RunHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked of whom: the first line.

    Attributes:
        homeport_run: the version of this format.
        dataset: the file's name, and digest of its cases.
        cases: how many it has.
        route: who was asked: a model, a tier or a route of a gateway, or an engine; or what recorded answers are
            called.
        prompt: the template's name, and digest; "" for none.
        scorer: how answers were scored.
        settings: what else was asked for, such as the temperature.
    """

    homeport_run: Literal[1] = 1
    dataset: _Text
    digest: _Text
    cases: Annotated[int, Meta(ge=1, le=MAX_DATASET_CASES)]
    epochs: Annotated[int, Meta(ge=1, le=MAX_EPOCHS)] = 1
    route: _Text
    prompt: _Text = ""
    prompt_digest: _Text = ""
    scorer: _Text
    settings: Annotated[Mapping[str, str | int | float | bool | None], Meta(max_length=64)] = {}


UNGRADED = "ungraded"
"""The error of an answer that is there, and has no grade of the judge that it waits for."""


class Graded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a judge said of an answer.

    Attributes:
        label: its grade, or why there is none: a stable code.
        cost_nanodollars: of all that it was asked about this answer, as far as it is known.
        model: who judged, as the gateway says.
    """

    label: _Text
    cost_nanodollars: _Nano | None = None
    model: _Text = ""
    request_id: _Text = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One answer to one case.

    Attributes:
        epoch: the how manyeth time the case was asked, from 0.
        score: from 0 to 1; None where no answer came.
        why: where it is not right.
        error: code of the error where no answer came, else "".
        cost_nanodollars: None where nobody knows.
        latency_ms: until the whole answer was there.
        model, tier: who answered, as the gateway says.
        cached: as the gateway's header has it, where it has a cache.
        judge: what a judge said of it, where one was asked.
    """

    case: _Text
    epoch: Annotated[int, Meta(ge=0, lt=MAX_EPOCHS)] = 0
    answer: str = ""
    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    why: Annotated[str, Meta(max_length=1000)] = ""
    error: _Text = ""
    cost_nanodollars: _Nano | None = None
    latency_ms: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    finish: _Text = ""
    model: _Text = ""
    tier: _Text = ""
    request_id: _Text = ""
    cached: _Text = ""
    judge: Graded | None = None

    @property
    def came(self) -> bool:
        """Whether there is an answer, with a score or without."""
        return self.error in ("", UNGRADED)

    @property
    def place(self) -> tuple[str, int]:
        return self.case, self.epoch


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file.

    Attributes:
        name: the file's.
        answers: of each place the last one that was written down, in that order; those that failed too.
        whole: how many bytes are whole lines; what is beyond was being written when it was interrupted.
    """

    name: str
    head: RunHead
    answers: tuple[Answered, ...]
    whole: int = 0

    @property
    def scored(self) -> tuple[Answered, ...]:
        """Those that have a score."""
        return tuple(one for one in self.answers if one.score is not None)

    @property
    def missing(self) -> int:
        """How many answers there should be, and are not."""
        return self.head.cases * self.head.epochs - len(self.scored)


def read_run(path: Path) -> Run:
    """Read a file.

    Raises:
        ConfigError: eval_run_unreadable; eval_run_invalid, with the line.
    """
    try:
        with path.open("rb") as file:
            return parse_run(file, path.name)
    except OSError as error:
        raise ConfigError(
            f"the run {ascii(str(path))[:200]} cannot be read: {error.strerror}",
            code="eval_run_unreadable",
            hint="make it: homeport eval run DATASET --model NAME --out FILE",
        ) from error


def parse_run(file: BinaryIO, name: str) -> Run:
    """The run that a file holds. A last line without an end was being written when it was interrupted: it is left out.

    Raises:
        ConfigError: eval_run_invalid, with the line.
    """
    whole = _whole_bytes(file)
    try:
        lines = numbered_lines(_Until(file, whole), MAX_RUN_LINE_BYTES)
        number, first = next(lines, (1, b""))
        head = decoder_of(RunHead)(number, first)
        return Run(name=name, head=head, answers=tuple(_answers(lines, head)), whole=whole)
    except LineError as error:
        raise _invalid(name, error) from None


def printed(text: str) -> str:
    """A name as the first line may hold it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:256])


def head_line(head: RunHead) -> bytes:
    return msgspec.json.encode(head) + b"\n"


def answer_line(answer: Answered) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


def by_case(answers: Iterable[Answered]) -> dict[str, list[Answered]]:
    """Those with a score, by case, in the order in which cases first come."""
    found: dict[str, list[Answered]] = {}
    for one in answers:
        if one.score is not None:
            found.setdefault(one.case, []).append(one)
    return found


def score_of(answers: Sequence[Answered]) -> float:
    """The mean of several answers to one case."""
    return sum(one.score or 0.0 for one in answers) / len(answers)


def plain_head(head: RunHead) -> dict[str, Any]:
    """For programs."""
    told: dict[str, Any] = msgspec.to_builtins(head)
    del told["homeport_run"]
    return told


def _answers(lines: Iterator[tuple[int, bytes]], head: RunHead) -> Iterator[Answered]:
    """Of each place what counts: the answer, where one came after errors."""
    decode = decoder_of(Answered)
    found: dict[tuple[str, int], Answered] = {}
    cases: set[str] = set()
    for number, line in lines:
        one = decode(number, line)
        _look_at(number, one, found.get(one.place), head)
        found[one.place] = one
        cases.add(one.case)
        if len(cases) > head.cases or len(found) > MAX_ANSWERS:
            raise LineError(number, f"there are answers to more than the {head.cases} cases of the first line")
    yield from found.values()


def _look_at(number: int, one: Answered, before: Answered | None, head: RunHead) -> None:
    if (one.score is None) != bool(one.error):
        raise LineError(number, "it needs a `score` or an `error`, and not both")
    if one.epoch >= head.epochs:
        raise LineError(number, f"its epoch is {one.epoch}, and the first line has {head.epochs} of them")
    if before is not None and before.score is not None:
        raise LineError(number, f"the case {one.case!a} was answered before in epoch {one.epoch}")


class _Until:
    """A file that ends early."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def readline(self, most: int, /) -> bytes:
        line = self._file.readline(min(most, self._left))
        self._left -= len(line)
        return line


def _whole_bytes(file: BinaryIO) -> int:
    """Up to the last end of a line; all where the file ends in a whole value; it is read again from its beginning."""
    size = file.seek(0, 2)
    at = size
    while at > 0:
        begin = max(0, at - (1 << 16))
        file.seek(begin)
        place = file.read(at - begin).rfind(b"\n")
        if place >= 0:
            at = begin + place + 1
            break
        at = begin
    file.seek(at)
    if size - at <= MAX_RUN_LINE_BYTES and _is_json(file.read()):
        at = size
    file.seek(0)
    return at


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(text, type=dict[str, Any]), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _invalid(name: str, error: LineError) -> ConfigError:
    return ConfigError(
        f"the run cannot be used: {name}, line {error.number}: {error.why}"[:400],
        code="eval_run_invalid",
        hint="make it again: homeport eval run; its form is in docs/reference/evaluation.md",
    )
