"""A state folder, and a database with budgets that processes hold money of."""

from pathlib import Path

from sqlalchemy import Engine

from homeport.config.home import Home
from homeport.core.budgets import Account
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import Standing, standings
from tests.fakes.clock import ManualClock


class House:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.home = Home(folder / "home")
        self.home.create()
        self.clock = ManualClock()
        self.bank = DatabaseBank(engine, self.clock.wall_ns)

    def lend(self, holder: str, account: Account, amount: int, settled: int = 0) -> None:
        """A lease for `holder`, which reports so much of it as spent."""
        for spent, need in ((0, amount), (settled, 0)):
            grant = self.bank.trade(
                holder, account, settled=Nano(spent), returned=Nano(0), need=Nano(need), want=Nano(need)
            )
            assert grant.granted == need

    def standing(self, account: Account) -> Standing:
        (found,) = standings(self.engine, self.clock.wall, account.budget.id)
        return found
