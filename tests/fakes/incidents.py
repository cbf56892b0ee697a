"""Incidents as watchers find them."""

from typing import Any

import msgspec

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.core.told import Severity

NOW = 1_700_000_000 * 10**9
HOUR = 3_600 * 10**9

FELL = Finding(
    kind=IncidentKind.QUALITY,
    subject="mid/mid",
    since=NOW - 50 * HOUR,
    sentence="Answers of mid/mid are worse since Sunday: .81 was usual, .74 is now",
    severity=Severity.CRITICAL,
    e_value=5_300.4,
    evidence=(Evidence(name="mean score", before=".81 (.79 to .83)", now=".74 (.71 to .77)"), Evidence(name="outputs")),
    actions=(
        Action(text="Send less to it", page="/console/routing"),
        Action(text="Take the version before", command="homeport route versions"),
    ),
    routes=("mid/mid", "gone/model"),
    examples=("r0", "r1"),
)


def finding(**changes: Any) -> Finding:
    """One that fell, but for what is changed."""
    return msgspec.structs.replace(FELL, **changes)
