"""Datasets: cases to ask models, as JSON lines or CSV.

A line is a case of a suite, and may say more: `{"id", "messages" or "prompt" or "question", "max_tokens", "check",
"expected", "reference", "variables", "metadata"}`. What is read was made by anybody, so all of it is bounded, and an
error names its line.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import UNSET, Meta, UnsetType

from homeport.core.errors import ConfigError
from homeport.evaluation.answers import Question
from homeport.evaluation.checks import Check, JsonSchema, Referee, Regex, problem_of
from homeport.evaluation.jsonlines import LineError, decoder_of, numbered_lines
from homeport.evaluation.suites import MAX_LINE_BYTES, PRINTED, Message

MAX_DATASET_BYTES = 256 << 20
MAX_DATASET_CASES = 100_000
MOST_TOKENS = 64
"""Of an answer where neither the case nor whoever asks says more; as in suites."""
_HINT = "see docs/how-to/gate-a-change.md for what a case looks like"
_CSV = ".csv"
_COLUMNS = frozenset({"id", "question", "prompt", "check", "expected", "choices", "reference", "max_tokens"})
_METADATA = "metadata."
_MAX_COLUMNS = 256
_Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=PRINTED)]
_Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTED)]


class DatasetCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question, how its answer is judged, and what else is known of it.

    Attributes:
        messages: a chat. Of it, `question` and `prompt` one at most is given; none only where a template makes one.
        question: a chat of this one message of a user.
        prompt: a text to go on with, as it is, without a chat template.
        check: None where answers are judged by a reference or a metric.
        reference: an answer that is right.
        variables: what a prompt template is filled with.
        metadata: words of whoever made it; nothing is done by them.
    """

    id: _Id
    messages: Annotated[tuple[Message, ...], Meta(max_length=256)] = ()
    question: str = ""
    prompt: str = ""
    max_tokens: Annotated[int, Meta(ge=1, le=131_072)] | UnsetType = UNSET
    check: Check | None = None
    expected: Any = UNSET
    reference: str | None = None
    variables: Annotated[Mapping[_Name, str], Meta(max_length=_MAX_COLUMNS)] = {}
    metadata: Annotated[Mapping[_Label, str], Meta(max_length=_MAX_COLUMNS)] = {}

    @property
    def asked(self) -> str:
        """The question as one text: the last message of a user, the question, or the prompt."""
        turns = (message.content for message in reversed(self.messages) if message.role == "user")
        return self.question or self.prompt or next(turns, "")

    def chat(self) -> tuple[Mapping[str, str], ...]:
        """Its messages; empty where it has none."""
        if self.question:
            return ({"role": "user", "content": self.question},)
        return tuple({"role": message.role, "content": message.content} for message in self.messages)

    def ask(self, most_tokens: int = MOST_TOKENS) -> Question:
        """The question without a template."""
        return Question(messages=self.chat(), prompt=self.prompt, max_tokens=self.longest(most_tokens))

    def longest(self, otherwise: int) -> int:
        """Tokens of an answer."""
        return self.max_tokens if isinstance(self.max_tokens, int) else otherwise


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one file.

    Attributes:
        name: the file's.
        digest: sha256 of what the cases say, in the order of their ids: the same for the same cases however they are
            written down. Results name it, and only results of the same cases are compared.
    """

    name: str
    digest: str
    cases: tuple[DatasetCase, ...]


def read_dataset(path: Path) -> Dataset:
    """Read a file: CSV where its name ends so, else JSON lines.

    Raises:
        ConfigError: dataset_unreadable, or as `parse_dataset`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DATASET_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the dataset {ascii(str(path))[:200]} cannot be read: {error.strerror}",
            code="dataset_unreadable",
            hint="name a file of JSON lines, or a .csv",
        ) from error
    return parse_dataset(data, path.name)


def parse_dataset(data: bytes, name: str) -> Dataset:
    """The cases of a dataset; `name` says what it is, and stands for it in errors.

    Raises:
        ConfigError: dataset_too_large; dataset_invalid, with the line.
    """
    if len(data) > MAX_DATASET_BYTES:
        _refuse_size(name, f"it is larger than {MAX_DATASET_BYTES >> 20} MiB")
    read = _csv_cases if name.lower().endswith(_CSV) else _json_cases
    cases: dict[str, DatasetCase] = {}
    try:
        for number, case in read(data):
            _look_at(number, case, cases)
            cases[case.id] = case
    except LineError as error:
        (_refuse_size if error.long else _refuse)(f"{name}, line {error.number}", error.why)
    if not cases:
        _refuse(name, "it has no case")
    return Dataset(name=name, digest=digest_of(cases.values()), cases=tuple(cases.values()))


def digest_of(cases: Iterable[DatasetCase]) -> str:
    """See `Dataset.digest`."""
    summed = hashlib.sha256()
    for case in sorted(cases, key=lambda one: one.id):
        summed.update(msgspec.json.encode(case, order="deterministic") + b"\n")
    return f"sha256:{summed.hexdigest()}"


def prove(dataset: Dataset, referee: Referee) -> None:
    """Try every pattern and schema on nothing, before a model is asked.

    Raises:
        ConfigError: dataset_invalid, with the case.
    """
    for case in dataset.cases:
        if isinstance(case.check, Regex):
            pattern = case.check.pattern or case.expected
            ruling = referee.matches(pattern, "", ignore_case=case.check.ignore_case)
        elif isinstance(case.check, JsonSchema):
            ruling = referee.follows(case.check.schema, None)
        else:
            continue
        if ruling.broken:
            _refuse(f"{dataset.name}, case {case.id!r}", ruling.why)


def _json_cases(data: bytes) -> Iterator[tuple[int, DatasetCase]]:
    decode = decoder_of(DatasetCase)
    for number, line in numbered_lines(io.BytesIO(data), MAX_LINE_BYTES):
        yield number, decode(number, line)


def _csv_cases(data: bytes) -> Iterator[tuple[int, DatasetCase]]:
    """Of a table with a head. Columns that it does not know are variables, `metadata.NAME` is metadata."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LineError(data[: error.start].count(b"\n") + 1, "it is no UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] = []
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise LineError(rows.line_num, str(error)) from None
        if row is None:
            return
        if not head:
            head = _head(rows.line_num, row)
        elif any(row):
            yield rows.line_num, _csv_case(rows.line_num, head, row)


def _head(number: int, row: list[str]) -> list[str]:
    if len(set(row)) < len(row) or len(row) > _MAX_COLUMNS or not {"question", "prompt"} & {*row}:
        raise LineError(number, "the head needs a column `question` or `prompt`, and each column once")
    return row


def _csv_case(number: int, head: list[str], row: list[str]) -> DatasetCase:
    if len(row) != len(head):
        raise LineError(number, f"it has {len(row)} fields, and the head {len(head)}")
    cells = {name: cell for name, cell in zip(head, row, strict=True) if cell}
    told: dict[str, Any] = {name: cells[name] for name in ("question", "prompt", "reference") if name in cells}
    told["id"] = cells.get("id", str(number))
    told["variables"] = {
        name: cell
        for name, cell in zip(head, row, strict=True)
        if name not in _COLUMNS and not name.startswith(_METADATA)
    }
    told["metadata"] = {name[len(_METADATA) :]: cell for name, cell in cells.items() if name.startswith(_METADATA)}
    told |= _csv_check(number, cells)
    try:
        if "max_tokens" in cells:
            told["max_tokens"] = int(cells["max_tokens"])
        return msgspec.convert(told, DatasetCase)
    except (msgspec.ValidationError, ValueError) as error:
        raise LineError(number, str(error)) from None


def _csv_check(number: int, cells: Mapping[str, str]) -> dict[str, Any]:
    """`exact` where there is only something expected."""
    if "check" not in cells and "expected" not in cells:
        return {}
    kind, expected = cells.get("check", "exact"), cells.get("expected", "")
    if kind == "json_schema":
        raise LineError(number, "a table has no room for a schema: write JSON lines")
    check: dict[str, Any] = {"kind": kind}
    if kind == "choice":
        check["choices"] = [choice.strip() for choice in cells.get("choices", "").split("|")]
    if kind != "number":
        return {"check": check, "expected": expected}
    try:
        return {"check": check, "expected": float(expected)}
    except ValueError:
        raise LineError(number, "`expected` must be a finite number") from None


def _look_at(number: int, case: DatasetCase, before: Mapping[str, DatasetCase]) -> None:
    """Raises LineError where a case makes no sense, by itself or among the others."""
    given = sum(map(bool, (case.messages, case.question, case.prompt)))
    if case.id in before:
        raise LineError(number, f"the id {case.id!r} was there before")
    if len(before) >= MAX_DATASET_CASES:
        raise LineError(number, f"there are more than {MAX_DATASET_CASES} cases", long=True)
    if given > 1 or not (given or case.variables):
        raise LineError(number, "it needs one of `messages`, `question` and `prompt`, or `variables` for a template")
    if not case.id.isprintable():
        raise LineError(number, "the id has characters that cannot be printed")
    if case.check is not None and (problem := problem_of(case.check, case.expected)):
        raise LineError(number, problem)


def _refuse(where: str, what: str) -> NoReturn:
    raise ConfigError(f"the dataset cannot be used: {where}: {what}"[:400], code="dataset_invalid", hint=_HINT)


def _refuse_size(where: str, what: str) -> NoReturn:
    raise ConfigError(
        f"the dataset is refused: {where}: {what}", code="dataset_too_large", hint="split it, or shorten it"
    )
