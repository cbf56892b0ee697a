"""A request that was kept whole, to be looked into later: what was asked, and what was answered."""

import msgspec

from homeport.core.types import DataClass, Surface


class CaptureRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept whole.

    Attributes:
        projects: only these, and what is below them; none for all.
        private: also what may not leave, or has something in it that was looked for.
        most_bytes: of one request, or of one answer; what is longer is not kept.
    """

    projects: tuple[str, ...] = ()
    private: bool = False
    most_bytes: int = 1 << 20

    def covers(self, project: str) -> bool:
        """Whether requests of a project are kept."""
        return not self.projects or any(project == one or project.startswith(f"{one}/") for one in self.projects)


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer.

    Attributes:
        at: nanoseconds since the epoch when it began.
        surface: in whose words `body` is.
        body: every field of the request, as the caller said them.
        target, model, local, revision: who answered, as in `Target`.
        upstream: the engine or the provider, by its name in the configuration.
        answered: in whose words `answer` is.
        answer: the upstream's JSON, or its events where the request was a stream; b"" for none.
        hidden: it may leave home redacted or not at all, by its classes or by what was found in it; True too where
            that was not written down.
    """

    request_id: str
    at: int
    key_id: str
    project: str
    trace_id: str
    data_class: DataClass
    surface: Surface
    body: bytes
    target: str
    upstream: str
    model: str
    local: bool
    revision: str
    answered: Surface
    stream: bool
    status: int
    answer: bytes
    hidden: bool = True
