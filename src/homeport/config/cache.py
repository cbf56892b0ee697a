"""The section `cache`: which answers are given again, and to whom."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from homeport.config.fields import Finite, Project, Text, Whole
from homeport.config.section import Section
from homeport.core.caching import Mode, Sharing


def _read_mode(value: object) -> object:
    # A plain `off` is refused where the file is read, for some readers of YAML take it for false.
    return Mode.OFF if value is False else value


SemanticMode = Annotated[Mode, BeforeValidator(_read_mode)]
Lifetime = Annotated[Finite, Field(ge=1, le=2_592_000)]
Percent = Annotated[Finite, Field(ge=0, le=100)]
Corpus = Annotated[str, Field(max_length=128)]


class CacheRouteSettings(Section):
    """What is different for some requests. What is left out is as in the section itself."""

    name: Text = Field(description="What it is called in explanations.")
    models: tuple[Text, ...] = Field(
        default=(), max_length=100, description="What callers ask for: models, tiers or aliases. Empty: anything."
    )
    projects: tuple[Project, ...] = Field(
        default=(), max_length=1_000, description="Projects, with all projects below them. Empty: any."
    )
    exact: bool | None = Field(default=None, description="Answer the very same request from the cache.")
    semantic: SemanticMode | None = Field(default=None, description='`"off"` in quotes, `strict` or `balanced`.')
    share: Sharing | None = Field(default=None, description="`key`, `project` or `everyone`.")
    ttl_seconds: Lifetime | None = Field(default=None, description="How long an answer is kept, at most 30 days.")
    sampled: bool | None = Field(default=None, description="Cache requests with a temperature above 0 too.")
    multi_turn: bool | None = Field(default=None, description="Give semantic answers within conversations too.")
    corpus: Corpus | None = Field(default=None, description="The version of what answers are made from.")


class CacheJudgeSettings(Section):
    """A model that says whether two questions are the same, where rules cannot tell."""

    model: Text = Field(description="The public name of a target; one of an own engine costs and leaks least.")
    approve: Finite = Field(
        default=0.9,
        gt=0.5,
        lt=1,
        description="How sure it must be: the probability that it gives to `yes`.",
    )


class CacheSettings(Section):
    """Answers that are given again. Off unless switched on here or for a route."""

    exact: bool = Field(default=False, description="Answer the very same request from the cache.")
    semantic: SemanticMode = Field(
        default=Mode.OFF,
        description='Answer requests whose last words ask for the same, everything else being the same: `"off"` in '
        "quotes, `strict` (the same words but for fillers, typos and order) or `balanced` (known synonyms and proven "
        "rewrites too). Either answers the very same request as well.",
    )
    share: Sharing = Field(
        default=Sharing.KEY,
        description="Who is given an answer that was made for somebody: the same `key`, the same `project`, or "
        "`everyone`. Requests that may not leave home are never shared.",
    )
    ttl_seconds: Lifetime = Field(
        default=3_600.0, description="How long an answer is kept, at most 30 days; being used does not prolong it."
    )
    sampled: bool = Field(
        default=False, description="Cache requests that ask for a temperature above 0, and so for variety, too."
    )
    multi_turn: bool = Field(
        default=False, description="Give semantic answers within conversations too, where all before is the same."
    )
    corpus: Corpus = Field(
        default="",
        description="The version of what answers are made from, such as a search index. Another one, here or in the "
        "header x-homeport-corpus, finds none of the answers before.",
    )
    routes: tuple[CacheRouteSettings, ...] = Field(
        default=(), max_length=100, description="What is different for some requests; the first that matches counts."
    )
    embedder: Literal["static", "minilm"] = Field(
        default="static", description="What turns texts into vectors: `static`, or `minilm` after `make minilm`."
    )
    judge: CacheJudgeSettings | None = Field(
        default=None,
        description="Asked in the background about what rules cannot tell, where a key has its answers for itself. "
        "Left out: nobody is.",
    )
    check_percent: Percent = Field(
        default=2.0,
        description="Of semantic hits, how many are asked for upstream as well, to see whether the answer was right. "
        "Each of them is paid for. The first ones of a partition are all checked.",
    )
    wrong_percent: Finite = Field(
        default=2.0,
        gt=0,
        le=50,
        description="What may be wrong of a partition's semantic answers: one that may exceed it switches itself off.",
    )
    max_entries: Whole = Field(default=100_000, ge=1, le=10_000_000, description="Answers kept in all.")
    max_bytes: Whole = Field(default=1 << 30, ge=1 << 20, le=1 << 40, description="Bytes of them in the database.")
    max_memory_bytes: Whole = Field(
        default=64 << 20, ge=1 << 20, le=1 << 36, description="Bytes of them that a gateway process has in memory."
    )
    max_entry_bytes: Whole = Field(
        default=256 << 10, ge=1 << 10, le=16 << 20, description="An answer that is longer is not kept."
    )
    tenant_percent: Percent = Field(
        default=50.0, gt=0, description="What one key, or one project that shares, may have of all that is kept."
    )
    jitter_seconds: Finite = Field(
        default=0.0,
        ge=0,
        le=10,
        description="A hit waits for a random time up to this, so that its speed tells less of who asked before.",
    )

    @field_validator("routes")
    @classmethod
    def _name_routes_once(cls, routes: tuple[CacheRouteSettings, ...]) -> tuple[CacheRouteSettings, ...]:
        if len({route.name for route in routes}) < len(routes):
            raise ValueError("two routes have the same name")
        return routes

    @model_validator(mode="after")
    def _judge_something(self) -> "CacheSettings":
        if self.judge is not None and not self.is_semantic:
            raise ValueError("a judge has nothing to judge: switch `semantic` on, here or for a route")
        return self

    @property
    def is_semantic(self) -> bool:
        """Whether any request can get an answer to another one."""
        return any((mode or Mode.OFF) is not Mode.OFF for mode in (self.semantic, *(r.semantic for r in self.routes)))

    @property
    def is_on(self) -> bool:
        return self.exact or self.is_semantic or any(route.exact for route in self.routes)
