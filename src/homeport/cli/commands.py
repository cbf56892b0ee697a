"""Every command. They import what they need, which is nearly all there is."""

from homeport.cli import (
    alerts,
    audit,
    bench,
    budget,
    cache,
    chat,
    check,
    cost,
    cost_change,
    db,
    engine,
    feedback,
    forecast,
    hub,
    init,
    inspect,
    keys,
    ledger,
    package,
    package_build,
    package_eval,
    package_inspect,
    package_registry,
    prices,
    route,
    run,
    serve,
    sim,
    sla,
    status,
    telemetry,
    trace,
    up,
    users,
)
from homeport.cli.program import new_program

app = new_program()
for module in (up, init, check, chat, status, cost, cost_change, feedback, inspect, prices, forecast, run, serve, sim):
    module.register(app)
app.add_typer(keys.app, name="keys")
package_build.register(package.app)
package_inspect.register(package.app)
package_eval.register(package.app)
package_registry.register(package.app)
app.add_typer(package.app, name="package")
app.add_typer(engine.app, name="engine")
app.add_typer(hub.app, name="hub")
app.add_typer(db.app, name="db")
app.add_typer(ledger.app, name="ledger")
app.add_typer(sla.app, name="sla")
app.add_typer(budget.app, name="budget")
app.add_typer(cache.app, name="cache")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.add_typer(alerts.app, name="alerts")
app.add_typer(bench.app, name="bench")
app.add_typer(route.app, name="route")
app.add_typer(trace.app, name="trace")
app.add_typer(telemetry.app, name="telemetry")
