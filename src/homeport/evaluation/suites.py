"""Evaluation suites: cases with expected answers, that a model package carries with it.

A suite is JSON lines, one case each: `{"id", "messages" or "prompt", "max_tokens", "check": {"kind"}, "expected"}`.
What is read was made by anybody, so all of it is bounded, and an error names its line.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from homeport.core.errors import PackageError
from homeport.evaluation.answers import Answer, Answerer, Question, Told
from homeport.evaluation.checks import Check, JsonSchema, Referee, Regex, Ruling, Verdict, judge, problem_of
from homeport.packages.base import FileRole, StoredPackage

MAX_SUITE_BYTES = 16 << 20
MAX_LINE_BYTES = 256 << 10
MAX_CASES = 10_000
PRINTED = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Of a text that is shown on a terminal: nothing in it that one could obey."""
_SUFFIX = ".jsonl"


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question, and how its answer is judged. Exactly one of `messages` and `prompt` is given."""

    id: Annotated[str, Meta(min_length=1, max_length=128, pattern=PRINTED)]
    check: Check
    expected: Any = UNSET
    messages: Annotated[tuple[Message, ...], Meta(max_length=256)] = ()
    prompt: str = ""
    max_tokens: Annotated[int, Meta(ge=1, le=4096)] = 64

    def question(self) -> Question:
        chat = tuple({"role": message.role, "content": message.content} for message in self.messages)
        return Question(messages=chat, prompt=self.prompt, max_tokens=self.max_tokens)


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one file.

    Attributes:
        name: its path in the package.
        digest: sha256 of its bytes; recorded results name it.
    """

    name: str
    digest: str
    cases: tuple[Case, ...]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A case, what was answered, and whether that is right."""

    case: Case
    answer: Answer
    verdict: Verdict


def suites_of(package: StoredPackage) -> tuple[Suite, ...]:
    """The suites that a package carries.

    Raises:
        PackageError: suite_missing, suite_too_large or suite_invalid.
    """
    files = [file for file in package.find(FileRole.SUITE) if file.filepath.endswith(_SUFFIX)]
    if not files:
        raise PackageError(
            f"the package {package.name} has no evaluation suite",
            code="suite_missing",
            hint="name one under `suite:` in its homeport.package.yaml, and build it again",
        )
    return tuple(read_suite(file.path, file.filepath) for file in files)


def read_suite(path: Path, name: str = "") -> Suite:
    """Read a suite's file; `name` stands for it in errors.

    Raises:
        PackageError: as `parse_suite`.
    """
    with path.open("rb") as file:
        return parse_suite(file.read(MAX_SUITE_BYTES + 1), name or path.name)


def parse_suite(data: bytes, name: str) -> Suite:
    """The cases of a suite.

    Raises:
        PackageError: suite_too_large; suite_invalid, with the line.
    """
    if len(data) > MAX_SUITE_BYTES:
        raise _too_large(name, f"it is larger than {MAX_SUITE_BYTES >> 20} MiB")
    cases: dict[str, Case] = {}
    for number, line in _lines(data, name):
        case = _case(line, f"{name}, line {number}")
        if case.id in cases:
            raise _invalid(f"{name}, line {number}", f"the id {case.id!r} was there before")
        cases[case.id] = case
        if len(cases) > MAX_CASES:
            raise _too_large(name, f"it has more than {MAX_CASES} cases")
    if not cases:
        raise _invalid(name, "it has no case")
    return Suite(name=name, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", cases=tuple(cases.values()))


def prove(suite: Suite, referee: Referee) -> None:
    """Try every pattern and schema of a suite on nothing, before a model is asked.

    Raises:
        PackageError: suite_invalid, with the case.
    """
    for case in suite.cases:
        ruling = _tried(case, referee)
        if ruling.broken:
            raise _invalid(f"{suite.name}, case {case.id!r}", ruling.why)


async def run(suite: Suite, answer: Answerer, referee: Referee, told: Told) -> tuple[Judged, ...]:
    """Ask every case, one after the other, and judge the answers.

    Raises:
        PackageError: suite_invalid, see `prove`.
        UpstreamError: the engine does not answer.
    """
    prove(suite, referee)
    judged: list[Judged] = []
    told(0, len(suite.cases))
    for case in suite.cases:
        given = await answer(case.question())
        verdict = judge(case.check, case.expected, given.text, referee)
        judged.append(Judged(case=case, answer=given, verdict=verdict))
        told(len(judged), len(suite.cases))
    return tuple(judged)


def _lines(data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Every line that is not empty, with its number."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if len(line) > MAX_LINE_BYTES:
            raise _too_large(f"{name}, line {number}", f"it is longer than {MAX_LINE_BYTES >> 10} KiB")
        if stripped := line.strip():
            yield number, stripped


def _case(line: bytes, where: str) -> Case:
    try:
        case = msgspec.json.decode(line, type=Case)
    except RecursionError:
        raise _invalid(where, "it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _invalid(where, str(error)) from None
    if bool(case.messages) == bool(case.prompt):
        raise _invalid(where, "it needs `messages` or `prompt`, and not both")
    if not case.id.isprintable():
        raise _invalid(where, "the id has characters that cannot be printed")
    if problem := problem_of(case.check, case.expected):
        raise _invalid(where, problem)
    return case


def _tried(case: Case, referee: Referee) -> Ruling:
    check = case.check
    if isinstance(check, Regex):
        return referee.matches(check.pattern or case.expected, "", ignore_case=check.ignore_case)
    if isinstance(check, JsonSchema):
        return referee.follows(check.schema, None)
    return Ruling(True)


def _invalid(where: str, what: str) -> PackageError:
    return PackageError(
        f"the suite cannot be used: {where}: {what}"[:400],
        code="suite_invalid",
        hint="see docs/how-to/evaluate-a-package.md for what a case looks like",
    )


def _too_large(where: str, what: str) -> PackageError:
    return PackageError(
        f"the suite is refused: {where}: {what}", code="suite_too_large", hint="split it, or shorten it"
    )
