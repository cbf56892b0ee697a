"""The composition root: the only room that knows every adapter and puts them together."""

import sys

from homeport.bootstrap.alerts import SHAPES, courier, deliver_alerts, receivers
from homeport.bootstrap.batches import run_batches
from homeport.bootstrap.budgets import watch_budgets
from homeport.bootstrap.cache import terms_of
from homeport.bootstrap.engine_hours import watch_engines
from homeport.bootstrap.engines import (
    ENGINES,
    PlannedEngine,
    free_port,
    plan_engines,
    read_endpoints,
    try_engine,
    write_endpoints,
)
from homeport.bootstrap.gateway import Gateway, build_gateway
from homeport.bootstrap.offline import explain_offline, open_cache, try_privacy, try_routing
from homeport.bootstrap.packages import needed_packages, package_spec, pull_package, verify_package
from homeport.bootstrap.reload import Reloader
from homeport.bootstrap.retention import watch_retention
from homeport.bootstrap.signals import watch_signals
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
from homeport.bootstrap.upstreams import PROVIDERS, build_targets, try_provider

__all__ = [
    "ENGINES",
    "PROVIDERS",
    "SHAPES",
    "Gateway",
    "PlannedEngine",
    "Reloader",
    "budget_registry",
    "build_gateway",
    "build_targets",
    "caps",
    "courier",
    "deliver_alerts",
    "ensure_own_keys",
    "explain_offline",
    "free_port",
    "holder_registry",
    "key_registry",
    "needed_packages",
    "open_cache",
    "open_storage",
    "package_spec",
    "plan_engines",
    "pull_package",
    "read_endpoints",
    "receivers",
    "run_batches",
    "terms_of",
    "try_engine",
    "try_privacy",
    "try_provider",
    "try_routing",
    "try_storage",
    "verify_package",
    "watch_budgets",
    "watch_engines",
    "watch_retention",
    "watch_signals",
    "watch_slo",
    "watch_spend",
    "worker_argv",
    "write_endpoints",
]


def worker_argv(*arguments: str) -> tuple[str, ...]:
    """The command of another process of this same program."""
    return (sys.executable, "-m", "homeport.cli.main", *arguments)
