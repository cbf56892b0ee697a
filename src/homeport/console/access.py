"""Who may what: the one table of the console's routes. What is not in it nobody may."""

from collections.abc import Mapping
from types import MappingProxyType

from homeport.core.errors import NotPermitted
from homeport.core.people import Role

ROOT = "/console"

LEAST: Mapping[str, Role | None] = MappingProxyType(
    {
        "GET /console/static/{name}": None,
        "GET /console/sign-in": None,
        "POST /console/sign-in": None,
        "GET /console/oidc/start": None,
        "GET /console/oidc/callback": None,
        "POST /console/sign-out": Role.VIEWER,
        "GET /console/overview": Role.VIEWER,
        "GET /console/overview/traffic": Role.VIEWER,
        "GET /console/account": Role.VIEWER,
        "POST /console/account/password": Role.VIEWER,
        "POST /console/account/sign-out": Role.VIEWER,
        "GET /console/requests": Role.VIEWER,
        "GET /console/requests/tail": Role.VIEWER,
        "GET /console/requests/{id}": Role.VIEWER,
        "GET /console/requests/{id}/rendered": Role.VIEWER,
        "POST /console/requests/{id}/replay": Role.OPERATOR,
        "GET /console/costs": Role.VIEWER,
        "GET /console/costs/forecast": Role.VIEWER,
        "GET /console/costs/export": Role.VIEWER,
        "GET /console/routing": Role.VIEWER,
        "GET /console/routing/what-if": Role.VIEWER,
        "GET /console/quality": Role.VIEWER,
        "GET /console/incidents": Role.VIEWER,
        "GET /console/incidents/{id}": Role.VIEWER,
        "POST /console/incidents/{id}/acknowledge": Role.OPERATOR,
        "POST /console/incidents/{id}/resolve": Role.OPERATOR,
        "POST /console/incidents/{id}/note": Role.REVIEWER,
        "GET /console/models": Role.VIEWER,
        "POST /console/models/{engine}/drain": Role.OPERATOR,
        "POST /console/models/{engine}/restart": Role.OPERATOR,
        "GET /console/cache": Role.VIEWER,
        "POST /console/cache/purge": Role.OPERATOR,
        "POST /console/cache/partitions/{partition}/resume": Role.OPERATOR,
        "GET /console/review": Role.REVIEWER,
        "POST /console/review/label": Role.REVIEWER,
        "POST /console/review/skip": Role.REVIEWER,
        "POST /console/review/undo": Role.REVIEWER,
        "POST /console/review/take-up": Role.REVIEWER,
        "POST /console/review/end": Role.REVIEWER,
        "GET /console/review/after": Role.REVIEWER,
        "GET /console/keys": Role.VIEWER,
        # A key's token is whatever the key may, so whoever gets to see one must be allowed everything.
        "POST /console/keys": Role.ADMIN,
        "POST /console/keys/{key_id}/rotate": Role.ADMIN,
        "POST /console/keys/{key_id}/revoke": Role.OPERATOR,
        "GET /console/budgets": Role.VIEWER,
        "POST /console/budgets": Role.OPERATOR,
        "POST /console/budgets/{budget_id}": Role.OPERATOR,
        "POST /console/budgets/{budget_id}/remove": Role.OPERATOR,
        "GET /console/users": Role.ADMIN,
        "POST /console/users": Role.ADMIN,
        "POST /console/users/{name}/role": Role.ADMIN,
        "POST /console/users/{name}/password": Role.ADMIN,
        "POST /console/users/{name}/sign-out": Role.ADMIN,
        "POST /console/users/{name}/remove": Role.ADMIN,
        "GET /console/audit": Role.ADMIN,
    }
)
"""Route -> the least role that may take it; None for everybody, signed in or not."""


def may(role: Role, route: str) -> bool:
    """Whether somebody of a role may take a route."""
    if route not in LEAST:
        return False
    least = LEAST[route]
    return least is None or role.allows(least)


def permit(role: Role, route: str) -> None:
    """Raises NotPermitted role_missing."""
    if not may(role, route):
        least = LEAST.get(route)
        raise NotPermitted(
            f"this needs the role {least or 'of nobody'}, and you are {role}",
            code="role_missing",
            hint="ask an admin: homeport users role NAME ROLE",
        )
