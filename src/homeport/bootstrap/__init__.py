"""The composition root: the only room that knows every adapter and puts them together.

Its parts are imported when they are asked for: a gateway process needs half of them, and starts faster and stays
smaller without the others. Their types are in `__init__.pyi`.
"""

import importlib
import sys
from typing import Any

_PARTS = {
    "api.auth": ("replace_secret",),
    "bootstrap.access": ("access_of",),
    "bootstrap.alerts": (
        "SHAPES",
        "count_alerts",
        "courier",
        "deliver_alerts",
        "receivers",
    ),
    "bootstrap.anomalies": ("watch_anomalies",),
    "bootstrap.auditing": ("routes_to", "watch_models"),
    "bootstrap.batches": ("run_batches",),
    "bootstrap.budgets": ("watch_budgets",),
    "bootstrap.cache": ("terms_of",),
    "bootstrap.console": (
        "ensure_first_user",
        "user_registry",
    ),
    "bootstrap.endpoints": (
        "read_endpoints",
        "read_placement",
    ),
    "bootstrap.engine_hours": ("watch_engines",),
    "bootstrap.engines": (
        "ENGINES",
        "free_port",
        "try_engine",
    ),
    "bootstrap.evaluate": (
        "Evaluation",
        "evaluate_package",
        "probe_package",
    ),
    "bootstrap.evaluation_events": ("send_evaluations",),
    "bootstrap.experiments": (
        "GatewayRespondent",
        "engine_respondent",
    ),
    "bootstrap.gateway": (
        "Gateway",
        "build_gateway",
    ),
    "bootstrap.hub": (
        "Offer",
        "add_hub",
        "publish_package",
        "pull_from_hub",
        "search_hubs",
    ),
    "bootstrap.judging": ("rubric_of", "try_judge", "watch_judging"),
    "bootstrap.inputs": ("recording_reader", "try_prompt_drift", "watch_inputs"),
    "bootstrap.offline": (
        "explain_offline",
        "open_cache",
        "try_cache",
        "try_privacy",
        "try_routing",
    ),
    "bootstrap.own_engines": ("Engines",),
    "bootstrap.packages": (
        "check_package",
        "needed_packages",
        "open_store",
        "package_spec",
        "pull_package",
        "verify_package",
    ),
    "bootstrap.probing": ("open_prober",),
    "bootstrap.registries": (
        "pull_reference",
        "push_package",
    ),
    "bootstrap.reload": ("Reloader",),
    "bootstrap.retention": ("watch_retention",),
    "bootstrap.quality_watch": ("watch_quality",),
    "bootstrap.scoring": ("try_evaluation", "watch_scoring"),
    "bootstrap.signals": ("watch_signals",),
    "bootstrap.signatures": (
        "sign_stored",
        "unsign_stored",
    ),
    "bootstrap.slo": ("watch_slo",),
    "bootstrap.spend": ("watch_spend",),
    "bootstrap.standing": ("watch_standing",),
    "bootstrap.storage": (
        "budget_registry",
        "caps",
        "ensure_own_keys",
        "holder_registry",
        "incident_registry",
        "key_registry",
        "open_storage",
        "try_storage",
    ),
    "bootstrap.telemetry": (
        "Telemetry",
        "try_telemetry",
    ),
    "bootstrap.traces": (
        "detail_reader",
        "request_indexer",
        "request_search",
        "word_index",
    ),
    "bootstrap.trust": (
        "judge_stored",
        "trust_policy",
        "try_trust",
        "utc_day",
    ),
    "bootstrap.upstreams": (
        "PROVIDERS",
        "build_targets",
        "try_provider",
    ),
}
_WHERE = {name: module for module, names in _PARTS.items() for name in names}

__all__ = [*_WHERE, "worker_argv"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"homeport.{_WHERE[name]}"), name)
    return value


def worker_argv(*arguments: str) -> tuple[str, ...]:
    """The command of another process of this same program."""
    return (sys.executable, "-P", "-m", "homeport.cli.main", *arguments)
