"""Calls whose bill nobody knows are in the ledger once, whatever accounts claim them."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.core.budgets import EACH, ScopeKind, Window
from homeport.storage.corrections import Claim, Spender, account_name, unknown_bills
from tests.storage.budget import budget

PROJECTS = {"key_a": "acme/search", "key_b": "acme/search", "key_c": "acme/shop"}
SCOPES = {
    ScopeKind.ALL: [""],
    ScopeKind.PROJECT: ["acme", "acme/search", "acme/shop"],
    ScopeKind.KEY: sorted(PROJECTS),
    ScopeKind.USER: ["ann", "bob"],
    ScopeKind.TRACE: ["t1", "t2"],
}


def claim(kind: ScopeKind, scope: str, amount: int, window: Window = Window.TOTAL) -> Claim:
    return Claim(budget(window=window, kind=kind, scope=scope), "", amount)


def each(kind: ScopeKind, instance: str, amount: int) -> Claim:
    return Claim(budget(kind=kind, scope=EACH), instance, amount)


def test_the_same_call_in_nested_accounts_is_one_row() -> None:
    claims = [
        claim(ScopeKind.ALL, "", 10),
        claim(ScopeKind.PROJECT, "acme", 10),
        claim(ScopeKind.KEY, "key_a", 10),
        claim(ScopeKind.KEY, "key_a", 10, Window.HOUR),
        each(ScopeKind.USER, "ann", 10),
    ]
    assert unknown_bills(claims, PROJECTS) == [(Spender(key_id="key_a", project="acme/search"), 10)]


def test_what_an_outer_account_has_more_is_a_row_of_its_own() -> None:
    claims = [
        claim(ScopeKind.ALL, "", 40),
        claim(ScopeKind.PROJECT, "acme/search", 15),
        claim(ScopeKind.KEY, "key_a", 10),
        claim(ScopeKind.KEY, "key_c", 7),
    ]
    assert unknown_bills(claims, PROJECTS) == [
        (Spender(key_id="key_a", project="acme/search"), 10),
        (Spender(key_id="key_c", project="acme/shop"), 7),
        (Spender(project="acme/search"), 5),
        (Spender(), 18),
    ]


def test_users_and_traces_are_named_where_they_are_alone() -> None:
    assert unknown_bills([each(ScopeKind.USER, "ann", 3)], {}) == [(Spender(end_user="ann"), 3)]
    two = [each(ScopeKind.USER, "ann", 3), each(ScopeKind.USER, "bob", 4), claim(ScopeKind.TRACE, "t", 5)]
    assert unknown_bills(two, {}) == [(Spender(), 7)]
    assert unknown_bills([claim(ScopeKind.TRACE, "t", 5)], {}) == [(Spender(trace_id="t"), 5)]
    assert unknown_bills([claim(ScopeKind.ALL, "", 0)], {}) == []


def test_a_project_is_its_path_and_not_its_beginning() -> None:
    names = set(Spender(project="acme/search", key_id="k").names())
    assert account_name(budget(kind=ScopeKind.PROJECT, scope="acme"), "") in names
    assert account_name(budget(kind=ScopeKind.PROJECT, scope="acme/search"), "") in names
    assert account_name(budget(kind=ScopeKind.PROJECT, scope="acme/sea"), "") not in names
    assert account_name(budget(kind=ScopeKind.USER, scope=EACH), "ann") not in names


calls = st.lists(
    st.tuples(
        st.builds(
            lambda key, user, trace: Spender(key_id=key, project=PROJECTS[key], end_user=user, trace_id=trace),
            st.sampled_from(SCOPES[ScopeKind.KEY]),
            st.sampled_from(SCOPES[ScopeKind.USER]),
            st.sampled_from(SCOPES[ScopeKind.TRACE]),
        ),
        st.integers(1, 1000),
    ),
    max_size=6,
)
budgeted = st.sets(st.sampled_from([(kind, scope) for kind, scopes in SCOPES.items() for scope in scopes]))


@given(calls=calls, budgeted=budgeted)
def test_the_rows_are_never_more_than_the_calls_and_never_less_than_an_account(
    calls: list[tuple[Spender, int]], budgeted: set[tuple[ScopeKind, str]]
) -> None:
    claims = [
        claim(kind, scope, sum(cost for spender, cost in calls if (kind, scope) in spender.names()))
        for kind, scope in budgeted
    ]
    rows = unknown_bills(claims, PROJECTS)
    total = sum(cost for _, cost in rows)
    assert total <= sum(cost for _, cost in calls)
    assert total >= max((one.amount for one in claims), default=0)
    assert all(cost > 0 for _, cost in rows)
    for one in claims:
        if one.budget.kind in (ScopeKind.KEY, ScopeKind.PROJECT, ScopeKind.ALL):
            name = account_name(one.budget, "")
            assert sum(cost for spender, cost in rows if name in spender.names()) == one.amount
