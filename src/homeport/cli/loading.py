"""Which modules have a command. Only those are imported: a command is quick, and a gateway holds nothing of others."""

import importlib
from collections.abc import Mapping
from functools import cache
from types import ModuleType

import typer

from homeport.cli.program import new_program

COMMANDS: Mapping[str, str] = {
    "up": "up",
    "init": "init",
    "check": "check",
    "chat": "chat",
    "status": "status",
    "cost": "cost",
    "cost-change": "cost_change",
    "feedback": "feedback",
    "inspect": "inspect",
    "prices": "prices",
    "forecast": "forecast",
    "run": "run",
    "gateway": "serve",
    "jobs": "serve",
    "sim": "sim",
}
"""Modules whose `register` adds a command, in the order of the help."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "keys": ("keys",),
    "package": ("package", "package_build", "package_inspect", "package_eval", "package_registry"),
    "quality": ("quality", "quality_checks", "quality_judge"),
    "eval": ("eval", "eval_dataset", "eval_run", "eval_compare", "eval_judge", "eval_gate"),
    "engine": ("engine",),
    "hub": ("hub",),
    "db": ("db",),
    "ledger": ("ledger",),
    "sla": ("sla",),
    "budget": ("budget",),
    "cache": ("cache",),
    "users": ("users",),
    "audit": ("audit",),
    "alerts": ("alerts",),
    "incidents": ("incidents",),
    "bench": ("bench",),
    "drift": ("drift", "drift_baseline", "drift_probe", "drift_check", "drift_prompts"),
    "review": ("review", "review_files"),
    "route": ("route",),
    "trace": ("trace",),
    "telemetry": ("telemetry",),
}
"""A module whose `app` has commands of its own, and those whose `register` adds more to it."""


def program_of(word: str) -> typer.Typer:
    """The program with what begins with a word; with everything where nothing does."""
    app, everything = new_program(), word not in COMMANDS and word not in GROUPS
    for module in dict.fromkeys(module for name, module in COMMANDS.items() if everything or name == word):
        _module(module).register(app)
    for name in GROUPS:
        if everything or name == word:
            app.add_typer(_group(name), name=name)
    return app


@cache
def _group(name: str) -> typer.Typer:
    first, *others = (_module(module) for module in GROUPS[name])
    app: typer.Typer = first.app
    for module in others:
        module.register(app)
    return app


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"homeport.cli.{name}")
