"""The section `capture`: which requests are kept whole, for `homeport inspect`."""

from pydantic import Field, field_validator

from homeport.config.fields import Whole, check_project
from homeport.config.section import Section
from homeport.core.captured import CaptureRules


class CaptureSettings(Section):
    """Which requests are kept with their answers, in files that their owner alone can read. Off by default."""

    enabled: bool = Field(default=False, description="Whether any are.")
    projects: tuple[str, ...] = Field(
        default=(), max_length=10_000, description="Only those of these projects, and of what is below them."
    )
    private: bool = Field(
        default=False,
        description="Also those that may not leave, and those in which something was found that is looked for.",
    )
    keep_days: Whole = Field(default=7, ge=1, le=3_650, description="How many days they are kept.")
    max_bytes: Whole = Field(
        default=1 << 30, ge=1 << 20, le=1 << 50, description="All of them together, in bytes; the oldest go first."
    )
    max_request_bytes: Whole = Field(
        default=1 << 20, ge=1 << 10, le=100 << 20, description="What is longer, or has a longer answer, is not kept."
    )

    @field_validator("projects")
    @classmethod
    def _name_projects(cls, projects: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_project(name) for name in projects)

    def rules(self) -> CaptureRules:
        """The same as the value that the request path uses."""
        return CaptureRules(projects=self.projects, private=self.private, most_bytes=self.max_request_bytes)
