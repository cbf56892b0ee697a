"""Who is told of alerts, and what carries them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial

from pydantic import SecretStr
from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.alerts import WebhookSettings
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core import discovery
from homeport.core.told import Severity
from homeport.jobs.alert_figures import watch
from homeport.jobs.alerts import Courier, Receiver, serve_all
from homeport.jobs.post import Shape
from homeport.storage.alert_figures import alert_figures
from homeport.storage.alerts import Wanted
from homeport.storage.published import publish
from homeport.transport.pool import PooledTransport

SHAPES = "homeport.jobs.shapes"


def receivers(settings: Settings) -> Sequence[Receiver]:
    """The webhooks of the configuration. Raises ConfigError for a shape that is not there."""
    return [_receiver(webhook, settings.alerts.link or "") for webhook in settings.alerts.webhooks]


def _receiver(webhook: WebhookSettings, link: str) -> Receiver:
    shape: Shape = discovery.load(SHAPES, webhook.shape)
    return Receiver(
        url=SecretStr(webhook.url),
        secret=webhook.secret,
        shape=shape,
        wanted=Wanted(webhook=webhook.label, severities=Severity.from_(webhook.min_severity), kinds=webhook.kinds),
        link=link,
        reminded_every_s=getattr(shape, "REMINDED_EVERY_S", 0.0),
    )


@contextlib.asynccontextmanager
async def courier(engine: Engine) -> AsyncIterator[Courier]:
    """What sends alerts, with connections that are closed in the end."""
    transport = PooledTransport()
    try:
        yield Courier(engine, transport, SystemClock(), random.SystemRandom())
    finally:
        await transport.close()


async def count_alerts(home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Say how many alerts there were and whether they arrived, until told to stop."""
    count, tell = partial(alert_figures, engine), partial(publish, home.alerts)
    await watch(count, tell, SystemClock(), stop)


async def deliver_alerts(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Send alerts until told to stop; returns at once where nobody wants any."""
    if wanted := receivers(settings):
        async with courier(engine) as sending:
            await serve_all(sending, wanted, stop)
