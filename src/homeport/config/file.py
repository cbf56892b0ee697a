"""homeport.yaml while a program runs: it changes, is wrong for a while, and a process may have to start meanwhile."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from homeport.config.load import Environment, find_config, load
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError

Built = TypeVar("Built")

logger = logging.getLogger(__name__)


class ConfigFile:
    """The file, and a copy of it as it was when it was adopted last.

    Args:
        explicit: the path that the caller named; None to look in the usual places.
        kept: where the copy is.
    """

    def __init__(self, environment: Environment, explicit: Path | None, kept: Path) -> None:
        self._environment = environment
        self._explicit = explicit
        self._kept = kept

    @property
    def path(self) -> Path | None:
        """The file there is, or None."""
        return find_config(self._environment, self._explicit)

    def read(self) -> Settings:
        """The configuration as the file is now. Raises ConfigError."""
        path = self.path
        if path is None:
            raise ConfigError(
                "there is no homeport.yaml",
                code="config_missing",
                hint="`homeport up` writes one and starts; `homeport init` only writes it",
            )
        return load(path, self._environment)

    def stamp(self) -> tuple[int, int, int]:
        """Changes when the file does; cheap."""
        try:
            found = self.path.stat() if self.path else None
        except OSError:
            found = None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else (0, 0, 0)

    def keep(self) -> None:
        """The file as it is now is in effect: a process that starts again may go by it."""
        path, draft = self.path, self._kept.with_suffix(".draft")
        if path is None:
            return
        try:
            draft.touch(mode=0o600)
            shutil.copyfile(path, draft)
            draft.replace(self._kept)
        except OSError as error:
            logger.warning("%s could not be written: %s", self._kept, error.strerror)

    def begin(self, build: Callable[[Settings], Built]) -> Built:
        """Build something by the file, or, where that is wrong, by the copy.

        Raises:
            ConfigError: the file is wrong, and there is no copy that is right.
        """
        try:
            return build(self.read())
        except ConfigError as error:
            try:
                built = build(load(self._kept, self._environment))
            except ConfigError:
                raise error from None
            logger.error("homeport.yaml is refused, what it said before holds: %s", error.message)
            return built
