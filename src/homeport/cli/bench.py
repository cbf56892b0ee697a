"""`homeport bench`: how well Homeport's own judgements hold, on recordings, and how fast engines are."""

import typer

from homeport.cli import (
    bench_cache,
    bench_cascade,
    bench_drift,
    bench_engine,
    bench_forecast,
    bench_judge,
    bench_loops,
    bench_privacy,
    bench_router,
)

app = typer.Typer(
    help="How well Homeport's own judgements hold, on recordings, and how fast engines are.", no_args_is_help=True
)
for module in (
    bench_cache,
    bench_cascade,
    bench_drift,
    bench_engine,
    bench_forecast,
    bench_judge,
    bench_loops,
    bench_privacy,
    bench_router,
):
    module.register(app)
