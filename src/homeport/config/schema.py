"""The shape of homeport.yaml as frozen models. docs/reference/configuration.md is generated from it.

A value that may hold a secret is left out of `repr`. References between sections are checked in checks.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from homeport.config.admission import AdmissionSettings
from homeport.config.alerts import AlertSettings
from homeport.config.batch import BatchSettings
from homeport.config.budgets import BudgetSettings
from homeport.config.cache import CacheSettings
from homeport.config.capture import CaptureSettings
from homeport.config.cascade import CascadeSettings
from homeport.config.console import ConsoleSettings
from homeport.config.drift import DriftSettings
from homeport.config.evaluation import EvaluationSettings
from homeport.config.fields import (
    ApiKey,
    DatabaseUrl,
    Filled,
    Host,
    OptionalApiKey,
    PriceReference,
    Seconds,
    Text,
    Url,
    Whole,
    sends_in_clear,
)
from homeport.config.loops import LoopSettings
from homeport.config.machine import MachineSettings
from homeport.config.monitoring import MonitoringSettings
from homeport.config.packages import PackageSettings, RegistrySettings, SourceSettings
from homeport.config.prices import CurrencySettings, DiscountSettings, PriceSettings
from homeport.config.privacy import PrivacySettings
from homeport.config.resilience import BreakerSettings, HedgingSettings, RetrySettings
from homeport.config.routing import LearnSettings
from homeport.config.section import Section
from homeport.config.slo import ObjectiveSettings
from homeport.config.swap import SwapSettings
from homeport.config.telemetry import TelemetrySettings
from homeport.config.trust import TrustSettings
from homeport.core.types import Capability, Surface, Timeouts

SIMULATED = "simulated"


class ServerSettings(Section):
    """Where the gateway listens and how much it takes on."""

    host: Host = Field(default="127.0.0.1", description="Address or name to listen on.")
    port: Whole = Field(default=8080, ge=1, le=65_535, description="TCP port. The variable HOMEPORT_PORT wins over it.")
    workers: Whole = Field(
        default=1, ge=1, le=64, description="Gateway processes that share the port; about one for each core."
    )
    max_body_bytes: Whole = Field(
        default=8_388_608,
        ge=1_024,
        le=1_073_741_824,
        description="Largest request body, in bytes.",
    )
    max_in_flight: Whole = Field(
        default=1_024, ge=1, le=100_000, description="Requests in progress at once; one more gets 503 with Retry-After."
    )
    max_connections: Whole = Field(
        default=4_096, ge=1, le=100_000, description="Connections at once, of each gateway process; one more gets 503."
    )
    head_timeout: Seconds = Field(default=10.0, description="For a request's line and headers, in seconds.")
    body_timeout: Seconds = Field(
        default=30.0,
        description="Longest silence inside a request's body, in seconds. All of it may take so long, "
        "and one second more for each 4 KiB that came.",
    )
    idle_timeout: Seconds = Field(default=75.0, description="How long a connection without a request stays open.")
    send_timeout: Seconds = Field(
        default=60.0, description="How long, in seconds, a caller may read nothing of an answer that waits."
    )
    drain_seconds: Whole = Field(
        default=20, ge=0, le=3_600, description="How long, in seconds, running requests may finish after SIGTERM."
    )


class StorageSettings(Section):
    """Where records are kept."""

    url: DatabaseUrl | None = Field(
        default=None,
        repr=False,
        description="Database: `sqlite:///...` or `postgresql+psycopg://...` (needs the extra `postgres`). "
        "Left out: a SQLite file in the state folder.",
    )
    journal_max_bytes: Whole = Field(
        default=1_073_741_824,
        ge=1_048_576,
        le=1_099_511_627_776,
        description="Room for records that are not yet in the database, in bytes.",
    )


class EngineSettings(MachineSettings):
    """One pool of engines on machines you own."""

    engine: Text = Field(description="Adapter that runs it, such as `llamacpp` or `external`.")
    package: str | None = Field(default=None, description="Name of the package whose weights it loads.")
    url: Url | None = Field(default=None, description="For `external`: base URL, with /v1, of a running server.")
    api_key: ApiKey = Field(default=SecretStr(""), description="For `external`: bearer key of that server.")
    replicas: Whole = Field(
        default=1,
        ge=1,
        le=64,
        description="Children that load it side by side, each with the slots of its profile; requests are balanced "
        "between them, and what its machines cost an hour is shared by all.",
    )
    swap: SwapSettings = Field(
        default_factory=SwapSettings, description="How one version of its package takes the place of another."
    )
    profile: Mapping[str, object] = Field(
        default_factory=dict, repr=False, description="Settings given to the adapter: slots, context, threads, ..."
    )
    admission: AdmissionSettings = Field(
        default_factory=AdmissionSettings, description="What is let into it, and what waits."
    )

    @model_validator(mode="after")
    def _reach_external(self) -> "EngineSettings":
        if self.engine == "external" and (self.url is None or self.package is not None):
            raise ValueError("an external engine needs url, and takes no package")
        if self.engine == "external" and self.replicas > 1:
            raise ValueError("an external engine is one server: write an engine for each, with targets of one name")
        return self


class ProviderSettings(Section):
    """One remote API."""

    provider: Text = Field(description="Adapter that speaks to it, such as `openai_compatible` or `simulated`.")
    base_url: Url | None = Field(default=None, description="Base URL, such as https://api.openai.com/v1.")
    api_key: OptionalApiKey = Field(
        default=None,
        description="Its key, best written `${OPENAI_API_KEY:-}`. Empty switches the provider off; "
        "left out means that it needs none.",
    )
    proxy: Url | None = Field(default=None, description="HTTP proxy to reach it through, such as http://proxy:3128.")
    discounts: tuple[DiscountSettings, ...] = Field(
        default=(),
        max_length=100,
        description="Discounts off the list prices of its models; what is in `prices` is what you pay.",
    )
    options: Mapping[str, object] = Field(
        default_factory=dict, repr=False, description="Settings given to the adapter."
    )

    @field_validator("api_key")
    @classmethod
    def _keep_key_private(cls, key: ApiKey | None, info: ValidationInfo) -> ApiKey | None:
        base_url = info.data.get("base_url")
        if key is not None and key.get_secret_value() and base_url is not None and sends_in_clear(base_url):
            raise ValueError("would cross the network unencrypted: use an https:// base_url")
        return key

    @model_validator(mode="after")
    def _reach_compatible(self) -> "ProviderSettings":
        if self.provider == "openai_compatible" and self.base_url is None:
            raise ValueError("an openai_compatible provider needs base_url")
        return self

    @property
    def on(self) -> bool:
        """False when an api_key was written and came out empty."""
        return self.api_key is None or self.api_key.get_secret_value() != ""


class TimeoutSettings(Section):
    """Bounds on one call of an upstream, in seconds."""

    connect: Seconds = Field(default=5.0, description="Until the connection stands.")
    first_token: Seconds = Field(
        default=120.0, description="From the request to the first byte of a stream; a whole answer has `total` for it."
    )
    between_tokens: Seconds = Field(default=60.0, description="Longest silence inside an answer.")
    total: Seconds = Field(default=600.0, description="From the request to the end of the answer.")

    def bounds(self) -> Timeouts:
        """The same bounds as the value that the request path uses, in seconds."""
        return Timeouts(
            connect=self.connect, first_token=self.first_token, between_tokens=self.between_tokens, total=self.total
        )


class TargetSettings(Section):
    """One model at one engine pool or one provider."""

    model: Text = Field(description="Model name that the upstream knows.")
    engine: str | None = Field(default=None, description="Name of the engine pool; write it or `provider`.")
    provider: str | None = Field(default=None, description="Name of the provider.")
    name: str | None = Field(
        default=None,
        description="Public name that callers use. Left out: `model`. Targets of one tier that share it are replicas: "
        "load is balanced between them.",
    )
    price: PriceReference | None = Field(
        default=None,
        description="Price reference `provider:model`, such as openai:gpt-5.4; for providers. "
        "Left out: the list price of `model`, where the provider is one API's own adapter.",
    )
    service_tier: Text | None = Field(
        default=None,
        description="The tier its calls are billed at where the provider's answers do not say it: `batch` for a "
        "batch API, `flex`, `priority`. Its price must be known.",
    )
    timeouts: TimeoutSettings | None = Field(
        default=None, description="Bounds on a call of it. Left out: those of the section `timeouts`."
    )
    max_output_tokens: Whole | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="The longest answer it gives, in tokens. Under a budget, a request without a bound of its own is "
        "sent with this one where it is below `budgets.default_output_tokens`.",
    )
    context_tokens: Whole | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Tokens of prompt and answer together. A request that is too long for it goes to another target, "
        "where there is one. Left out: what its engine says, else unknown, and nothing is kept from it.",
    )
    capabilities: tuple[Capability, ...] | None = Field(
        default=None,
        description="What it can do: `tools`, `json` (an answer that follows a schema), `vision`, `files` (documents "
        "and audio), `logprobs` (it tells how sure it was of each token, which a cascade reads). "
        "Requests that need more are kept from it. Left out: what its engine says, else unknown, and "
        "nothing is kept from it.",
    )
    max_outstanding_tokens: Whole | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="With so many tokens in work, in a gateway process, other targets are preferred, where the policy "
        "is not `static`. Left out: any number.",
    )
    surfaces: Filled[Surface] | None = Field(
        default=None,
        description="What it understands as it is. Left out: what its engine or provider understands.",
    )

    @property
    def public_name(self) -> str:
        """The name that callers use; unique in the file."""
        return self.name or self.model

    @property
    def upstream(self) -> str:
        """Name of the engine pool or provider that serves it."""
        return self.engine or self.provider or ""


class TierSettings(Section):
    """Targets that are as good as each other."""

    name: str = Field(description="Name that callers and keys use, such as `local`.")
    targets: Filled[TargetSettings] = Field(description="Its targets, the preferred one first.")


class RoutingSettings(Section):
    """How a request for `auto` or for a tier finds its target."""

    policy: Text = Field(default="static", description="Policy adapter. `static`: the order of this file.")
    options: Mapping[str, object] = Field(default_factory=dict, repr=False, description="Settings given to the policy.")
    learn: LearnSettings = Field(default_factory=LearnSettings, description="What a router may learn from.")
    cascade: CascadeSettings = Field(
        default_factory=CascadeSettings, description="How a policy that cascades looks at answers."
    )


class LoggingSettings(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severe level.")


@dataclass(frozen=True)
class ActiveTarget:
    """A target that can be called now, and the name of its tier."""

    tier: str
    target: TargetSettings


class Settings(Section):
    """The whole file."""

    server: ServerSettings = Field(default_factory=ServerSettings, description="Where the gateway listens.")
    storage: StorageSettings = Field(default_factory=StorageSettings, description="Where records are kept.")
    packages: Mapping[str, PackageSettings] = Field(default_factory=dict, description="Model packages by name.")
    trust: TrustSettings = Field(default_factory=TrustSettings, description="Who may sign which packages.")
    registries: Mapping[str, RegistrySettings] = Field(
        default_factory=dict,
        description="Who we are to registries, by `host` or `host:port`; docker's config.json too.",
    )
    sources: SourceSettings = Field(default_factory=SourceSettings, description="How sources of weights are reached.")
    engines: Mapping[str, EngineSettings] = Field(default_factory=dict, description="Your own engine pools by name.")
    providers: Mapping[str, ProviderSettings] = Field(default_factory=dict, description="Remote APIs by name.")
    tiers: Filled[TierSettings] = Field(
        description="Where requests can go; the order is the preference of the static policy."
    )
    aliases: Mapping[str, str] = Field(
        default_factory=dict, description="Other names that callers may use: for `auto`, a tier, a model or an alias."
    )
    routing: RoutingSettings = Field(default_factory=RoutingSettings, description="How a target is chosen.")
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings, description="Bounds on upstream calls.")
    retries: RetrySettings = Field(default_factory=RetrySettings, description="When a failed call is made again.")
    breaker: BreakerSettings = Field(
        default_factory=BreakerSettings, description="When a model at an upstream is left alone."
    )
    hedging: HedgingSettings = Field(
        default_factory=HedgingSettings, description="A second call when the first token is late."
    )
    budgets: BudgetSettings = Field(
        default_factory=BudgetSettings, description="How requests under a budget are held for."
    )
    batch: BatchSettings = Field(default_factory=BatchSettings, description="Files and batches.")
    loops: LoopSettings = Field(
        default_factory=LoopSettings, description="When an agent that repeats itself is stopped."
    )
    privacy: PrivacySettings = Field(default_factory=PrivacySettings, description="What may leave, and what may not.")
    capture: CaptureSettings = Field(default_factory=CaptureSettings, description="Which requests are kept whole.")
    evaluation: EvaluationSettings = Field(
        default_factory=EvaluationSettings, description="What is measured of every output."
    )
    drift: DriftSettings = Field(default_factory=DriftSettings, description="How models are audited.")
    cache: CacheSettings = Field(default_factory=CacheSettings, description="Which answers are given again.")
    console: ConsoleSettings = Field(default_factory=ConsoleSettings, description="The pages at /console.")
    logging: LoggingSettings = Field(default_factory=LoggingSettings, description="What is logged.")
    telemetry: TelemetrySettings = Field(
        default_factory=TelemetrySettings, description="What is sent to a collector of OpenTelemetry."
    )
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="What is looked for, and who is told.")
    slo: tuple[ObjectiveSettings, ...] = Field(
        default=(), max_length=100, description="What is promised of routes: availability and times."
    )
    monitoring: MonitoringSettings = Field(
        default_factory=MonitoringSettings, description="From which values on Prometheus' alert rules fire."
    )
    prices: tuple[PriceSettings, ...] = Field(
        default=(), max_length=1_000, description="Prices of your own, which win over the lists."
    )
    currencies: tuple[CurrencySettings, ...] = Field(
        default=(), max_length=1_000, description="Exchange rates for prices in other currencies than dollars."
    )

    _key_variables: Mapping[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: object, /) -> None:
        """Keep which variables each provider's api_key is read from; the loader passes them as the context."""
        if isinstance(context, dict):
            self._key_variables = context.get("key_variables", {})

    def active_targets(self) -> tuple[ActiveTarget, ...]:
        """Targets that can be called, in the order of the file.

        Left out are targets of providers that are off, and simulated ones beside a real one: a
        simulated answer never stands in for a real one that failed.
        """
        return tuple(ActiveTarget(tier.name, target) for tier in self.tiers for target in self._active(tier))

    def _active(self, tier: TierSettings) -> list[TargetSettings]:
        on = [target for target in tier.targets if target.provider is None or self.providers[target.provider].on]
        real = [target for target in on if not self.is_simulated(target)]
        return real or on

    def is_simulated(self, target: TargetSettings) -> bool:
        """Whether its provider invents answers."""
        return target.provider is not None and self.providers[target.provider].provider == SIMULATED

    def longest_seconds(self) -> float:
        """What any request may take in total."""
        own = [target.timeouts.total for tier in self.tiers for target in tier.targets if target.timeouts]
        return max(self.timeouts.total, *own) if own else self.timeouts.total

    def switched_off(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Providers without a key: (name, environment variables to set), in the order of the file."""
        off = (name for name, provider in self.providers.items() if not provider.on)
        return tuple((name, self._key_variables.get(name, ())) for name in off)

    def resolved_aliases(self) -> Mapping[str, str]:
        """Each alias with the name it ends at: `auto`, a tier or a public model name."""
        return {alias: self._follow(alias) for alias in self.aliases}

    def _follow(self, name: str) -> str:
        # checks.py refuses loops, so this ends; the bound holds for settings that were not loaded from a file.
        for _ in self.aliases:
            name = self.aliases.get(name, name)
        return name
