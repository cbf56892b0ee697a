"""The base of every part of homeport.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every part of the file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
