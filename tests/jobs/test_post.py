"""Where alerts lead to, and words of others in one line."""

import pytest

from homeport.core.incidents import IncidentKind
from homeport.jobs.post import leads_to, one_line
from homeport.storage.alerts import StoredAlert


def alert(kind: str, incident: str = "inc_1") -> StoredAlert:
    data = {"incident": incident, "state": "began"}
    return StoredAlert(id="a", kind=kind, severity="warning", at=1, summary="it fell", data=data)


@pytest.mark.parametrize("kind", [*IncidentKind])
@pytest.mark.parametrize("link", ["https://llm.example.com/console", "https://llm.example.com/console/"])
def test_an_incident_leads_to_its_page(kind: str, link: str) -> None:
    assert leads_to(alert(kind), link) == "https://llm.example.com/console/incidents/inc_1"
    assert leads_to(alert(kind, "../x?<y>"), link).endswith("/console/incidents/..%2Fx%3F%3Cy%3E")


@pytest.mark.parametrize("link", ["", "https://llm.example.com", "https://llm.example.com/console?a=1"])
def test_where_nobody_knows_the_console_it_leads_where_all_do(link: str) -> None:
    assert leads_to(alert("quality.fell"), link) == link
    assert leads_to(alert("anomaly.errors"), "https://llm.example.com/console") == "https://llm.example.com/console"


def test_one_line_has_no_controls() -> None:
    assert one_line("a\nb\x1b[2J\u202ec" + "d" * 10, 12) == "a b [2J cddd"
