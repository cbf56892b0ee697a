"""The composition root: the only room that knows every adapter and puts them together."""

import sys

from homeport.api.auth import replace_secret
from homeport.bootstrap.access import access_of
from homeport.bootstrap.alerts import SHAPES, count_alerts, courier, deliver_alerts, receivers
from homeport.bootstrap.anomalies import watch_anomalies
from homeport.bootstrap.batches import run_batches
from homeport.bootstrap.budgets import watch_budgets
from homeport.bootstrap.cache import terms_of
from homeport.bootstrap.console import ensure_first_user, user_registry
from homeport.bootstrap.endpoints import read_endpoints, read_placement
from homeport.bootstrap.engine_hours import watch_engines
from homeport.bootstrap.engines import (
    ENGINES,
    free_port,
    try_engine,
)
from homeport.bootstrap.evaluate import Evaluation, evaluate_package, probe_package
from homeport.bootstrap.gateway import Gateway, build_gateway
from homeport.bootstrap.hub import Offer, add_hub, publish_package, pull_from_hub, search_hubs
from homeport.bootstrap.offline import explain_offline, open_cache, try_cache, try_privacy, try_routing
from homeport.bootstrap.own_engines import Engines
from homeport.bootstrap.packages import (
    check_package,
    needed_packages,
    open_store,
    package_spec,
    pull_package,
    verify_package,
)
from homeport.bootstrap.registries import pull_reference, push_package
from homeport.bootstrap.reload import Reloader
from homeport.bootstrap.retention import watch_retention
from homeport.bootstrap.signals import watch_signals
from homeport.bootstrap.signatures import sign_stored, unsign_stored
from homeport.bootstrap.slo import watch_slo
from homeport.bootstrap.spend import watch_spend
from homeport.bootstrap.storage import (
    budget_registry,
    caps,
    ensure_own_keys,
    holder_registry,
    key_registry,
    open_storage,
    try_storage,
)
from homeport.bootstrap.telemetry import Telemetry, try_telemetry
from homeport.bootstrap.traces import detail_reader, request_indexer, request_search, word_index
from homeport.bootstrap.trust import judge_stored, trust_policy, try_trust, utc_day
from homeport.bootstrap.upstreams import PROVIDERS, build_targets, try_provider

__all__ = [
    "ENGINES",
    "PROVIDERS",
    "SHAPES",
    "Engines",
    "Evaluation",
    "Gateway",
    "Offer",
    "Reloader",
    "Telemetry",
    "access_of",
    "add_hub",
    "budget_registry",
    "build_gateway",
    "build_targets",
    "caps",
    "check_package",
    "count_alerts",
    "courier",
    "deliver_alerts",
    "detail_reader",
    "ensure_first_user",
    "ensure_own_keys",
    "evaluate_package",
    "explain_offline",
    "free_port",
    "holder_registry",
    "judge_stored",
    "key_registry",
    "needed_packages",
    "open_cache",
    "open_storage",
    "open_store",
    "package_spec",
    "probe_package",
    "publish_package",
    "pull_from_hub",
    "pull_package",
    "pull_reference",
    "push_package",
    "read_endpoints",
    "read_placement",
    "receivers",
    "replace_secret",
    "request_indexer",
    "request_search",
    "run_batches",
    "search_hubs",
    "sign_stored",
    "terms_of",
    "trust_policy",
    "try_cache",
    "try_engine",
    "try_privacy",
    "try_provider",
    "try_routing",
    "try_storage",
    "try_telemetry",
    "try_trust",
    "unsign_stored",
    "user_registry",
    "utc_day",
    "verify_package",
    "watch_anomalies",
    "watch_budgets",
    "watch_engines",
    "watch_retention",
    "watch_signals",
    "watch_slo",
    "watch_spend",
    "word_index",
    "worker_argv",
]


def worker_argv(*arguments: str) -> tuple[str, ...]:
    """The command of another process of this same program."""
    return (sys.executable, "-P", "-m", "homeport.cli.main", *arguments)
