"""The section `privacy`: data classes, and what is done with requests in which something is found."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from homeport.config.fields import Finite, Seconds, Whole, check_project
from homeport.config.section import Section
from homeport.core.privacy import Action

CLASS_NAME = r"^[a-z0-9_-]{1,32}$"
BUILT_IN = frozenset({"open", "private"})

ClassName = Annotated[str, StringConstraints(pattern=CLASS_NAME)]
RecognizerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]


class FindSettings(Section):
    """What is looked for in requests, and what is done where it is found."""

    find: Mapping[RecognizerName, Action] = Field(
        default_factory=dict,
        max_length=200,
        description="By recognizer: `allow`, `redact_and_restore`, `local_only` or `block`.",
    )
    min_score: Finite = Field(default=0.5, gt=0, le=1, description="The least score of a finding that counts.")
    attachments: Literal[Action.ALLOW, Action.LOCAL_ONLY] = Field(
        default=Action.ALLOW,
        description="`local_only` where images, sounds and files, which no recognizer reads, must not leave.",
    )


class ClassSettings(FindSettings):
    """One data class."""

    action: Action = Field(
        default=Action.LOCAL_ONLY,
        description="What is done with its requests: `allow`, `redact_and_restore`, `local_only` or `block`.",
    )


class PrivacySettings(FindSettings):
    """What may leave. Without rules nothing is looked for, and nothing costs."""

    classes: Mapping[ClassName, ClassSettings] = Field(
        default_factory=dict,
        max_length=100,
        description="Data classes beside `open` and `private`. A request belongs to those of its key, its project and "
        "its header x-homeport-data-class.",
    )
    projects: Mapping[str, ClassName] = Field(
        default_factory=dict,
        max_length=10_000,
        description="The class of a project, such as `acme/clinic`, and of all projects below it.",
    )
    timeout_seconds: Seconds = Field(
        default=2.0, description="How long recognizers may work on one request. After that it stays at home."
    )

    taint_days: Whole = Field(
        default=30, ge=1, le=365, description="How many days a conversation that was private is remembered to be."
    )

    @field_validator("classes")
    @classmethod
    def _keep_built_in(cls, classes: Mapping[str, ClassSettings]) -> Mapping[str, ClassSettings]:
        if BUILT_IN & classes.keys():
            raise ValueError("open and private mean what they mean; give the class another name")
        return classes

    @field_validator("projects")
    @classmethod
    def _name_projects(cls, projects: Mapping[str, str]) -> Mapping[str, str]:
        for name in projects:
            check_project(name)
        return projects

    @model_validator(mode="after")
    def _look_for_something(self) -> "PrivacySettings":
        blind = [
            name
            for name, one in self.classes.items()
            if one.action is Action.REDACT_AND_RESTORE
            and not any(action is not Action.ALLOW for action in (*one.find.values(), *self.find.values()))
        ]
        if blind:
            raise ValueError(f"{blind[0]} is to be redacted, and nothing is looked for: name recognizers in its `find`")
        return self
