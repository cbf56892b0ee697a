"""A new configuration in a running process: adopted whole, or refused whole and the old one stays."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from homeport.config.admission import AdmissionSettings
from homeport.config.file import ConfigFile
from homeport.config.redact import digest_of
from homeport.config.schema import EngineSettings, Settings
from homeport.core.errors import ConfigError, HomeportError
from homeport.telemetry.logs import FIELDS

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_NEED_RESTART = ("engines", "packages", "trust", "storage.url", "server.host", "server.port", "server.workers")


class Reloader:
    """Reads the configuration again when its file changes, or when told to.

    Args:
        file: is kept once it is adopted.
        adopt: puts new settings into effect; raises before it changed anything, or not at all.
        count: told `adopted` or `refused`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        file: ConfigFile,
        adopt: Callable[[Settings], None],
        count: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self._file = file
        self._adopt = adopt
        self._count = count
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> str:
        """Read and adopt; the digest of what holds then.

        Raises:
            ConfigError: it is refused, and nothing has changed.
        """
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(self._file.read)
                if digest_of(settings) != digest_of(self.settings):
                    self._adopt(settings)
            except HomeportError as error:
                self._count("refused")
                raise ConfigError(error.message, code=error.code, hint=error.hint) from error
            for name in restart_needed(self.settings, settings):
                logger.warning("a change of %s takes effect when homeport is started again", name)
            await asyncio.to_thread(self._file.keep)
            self._count("adopted")
            self.settings = settings
        digest = digest_of(settings)
        logger.info("the configuration was read again", extra={FIELDS: {"digest": digest}})
        return digest

    async def renew(self) -> None:
        """Adopt what is adopted once more: something that it depends on has changed. Raises ConfigError."""
        async with self._one_at_a_time:
            self._adopt(self.settings)

    async def watch(self) -> None:
        """Reload when the file has changed and then been left alone for half a second, until cancelled."""
        adopted = seen = self._file.stamp()
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            before, seen = seen, self._file.stamp()
            if seen == adopted or seen != before:
                continue
            adopted = seen
            try:
                await self.reload()
            except ConfigError as error:
                logger.error("the changed configuration is refused, the old one stays: %s", error.message)


def restart_needed(old: Settings, new: Settings) -> list[str]:
    """The settings that differ and that a running process cannot change."""
    return [name for name in _NEED_RESTART if _at(old, name) != _at(new, name)]


def _at(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return {key: _started(one) for key, one in value.items()} if name == "engines" else value


def _started(engine: EngineSettings) -> EngineSettings:
    """What an engine is started with: what is let into it changes while it runs."""
    return engine.model_copy(update={"admission": AdmissionSettings()})
