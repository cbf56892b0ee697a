"""What a budget would do to a request, told without reserving anything."""

from homeport.core.budgets import Action
from homeport.core.routing import Decision
from homeport.core.types import Inference, Key
from homeport.pipeline.spending import Spending, Tab, reason_of


async def foresee(
    spending: Spending,
    key: Key,
    inference: Inference,
    decision: Decision,
    *,
    end_user: str,
    trace_id: str,
    deadline_ns: int,
) -> Decision:
    """The decision as budgets would leave it, as far as this process and the bank know at this moment.

    What a request would wait for is taken to come.

    Raises:
        BudgetExceeded, StorageError, NotPermitted: as `Tab.admit`.
    """
    first = decision.candidates[0]
    book = spending.book()
    accounts = () if first.local or not book else book.accounts(key, end_user, trace_id)
    if not accounts:
        return decision
    need = Tab(spending, (), inference, key.project, deadline_ns).least(first)
    for account in accounts:
        purse = await spending.wallet.look(account)
        if purse.room >= need:
            continue
        local = tuple(target for target in decision.candidates if target.local)
        if account.budget.action is Action.DEGRADE and local:
            return Decision(candidates=local, reason=reason_of(account.budget))
        if account.budget.action is not Action.QUEUE:
            raise purse.refusal(spending.clock.wall_ns())
    return decision
