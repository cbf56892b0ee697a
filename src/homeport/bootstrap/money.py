"""The budgets of one process: the book that is read again each second, and the wallet that leases from it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.bootstrap.beside import beside
from homeport.config.budgets import BudgetSettings
from homeport.config.home import Home
from homeport.core.ports import Clock
from homeport.ledger.budgets import BudgetBook
from homeport.ledger.wallet import Wallet
from homeport.pipeline.spending import Histories, Spending, SpendingRules
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import list_budgets
from homeport.storage.holders import LivingHolder, read_home_id
from homeport.storage.reservations import Reservations

logger = logging.getLogger(__name__)

_REFRESH_SECONDS = 1.0


class Money:
    """What stays the same over every configuration.

    Raises:
        StorageError: the state folder cannot be written.
    """

    def __init__(self, engine: Engine, home: Home, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._living = LivingHolder(home.holders, read_home_id(home.identity))
        self._reservations = Reservations(home.reserved / self._living.name)
        self._wallet = Wallet(
            DatabaseBank(engine, clock.wall_ns), holder=self._living.name, notes=self._reservations, clock=clock
        )
        self._histories = Histories()
        self._book = BudgetBook()
        self.refresh()

    @property
    def holder(self) -> str:
        """The name of this process in records and leases."""
        return self._living.name

    def spending(self, settings: BudgetSettings) -> Spending:
        """The stage of the request path, by these settings."""
        rules = SpendingRules(
            default_output=settings.default_output_tokens,
            media_tokens=settings.media_tokens,
            patience=settings.patience_seconds,
            unknown_price=settings.unknown_price,
        )
        return Spending(
            book=lambda: self._book, wallet=self._wallet, histories=self._histories, clock=self._clock, rules=rules
        )

    def refresh(self) -> None:
        """Read which budgets are in force."""
        budgets = tuple(stored.budget for stored in list_budgets(self._engine))
        if budgets != self._book.budgets:
            self._book = BudgetBook(budgets)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Refresh and report; in the end give everything back."""
        try:
            async with beside(self._refreshing, self._wallet.run):
                yield
        finally:
            await self._wallet.close()

    def close(self) -> None:
        """After the last record is in the journal."""
        self._reservations.close()
        self._living.close()

    async def _refreshing(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except SQLAlchemyError as error:
                logger.error("budgets could not be read, the old ones hold: %s", type(error).__name__)
