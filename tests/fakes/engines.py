"""Engines of a configuration as `homeport up` would place them, without starting one."""

from homeport import bootstrap
from homeport.bootstrap.endpoints import Placement, write_placement
from homeport.bootstrap.engine_plans import PlannedReplica, engines_in_use, plan_replicas
from homeport.bootstrap.engines import free_port
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.packages.layout import Store


def place(settings: Settings, home: Home) -> tuple[PlannedReplica, ...]:
    """One replica of each engine that a target uses; the processes of `home` are told where."""
    planned: list[PlannedReplica] = []
    for engine in engines_in_use(settings):
        package = settings.engines[engine].package
        stored = Store(home.packages).get(package) if package else None
        planned += plan_replicas(settings, home, engine, {engine: free_port()}, stored)
    endpoints = {plan.replica.name: plan.replica.endpoint for plan in planned}
    write_placement(home, Placement(serial=bootstrap.read_placement(home).serial + 1, endpoints=endpoints))
    return tuple(planned)
