"""The page Quality: what is known, how loud it says that a judge is of no use, and what to switch on."""

from collections.abc import Callable

import msgspec
import pytest

from homeport.core.people import Role
from homeport.storage.published import publish
from homeport.storage.rollups import HOUR
from homeport.storage.score_figures import QualityFigures
from tests.console.markup import check_markup
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.fakes.quality import ALL, BAD, GOOD, add_samples, add_scores, publish_standing

PATH = "/console/quality"
ON = {"evaluation": {"enabled": True}, "capture": {"enabled": True}}


async def body(office: Office, query: str = "") -> bytes:
    answer = await (await office.enter(Role.VIEWER)).get(PATH + query)
    assert answer.status == 200, answer.body
    return answer.body


def start(office: Office) -> int:
    """The hour that it is."""
    return office.clock.wall // HOUR * HOUR


async def test_what_to_switch_on_where_nothing_is_known(office: Office) -> None:
    said = words(await body(office))
    assert "Nothing is known yet by a judge or by people" in said
    assert "No output is measured: evaluation.enabled: true in homeport.yaml switches it on" in said
    assert "capture.enabled: true keeps what was said" in said
    assert "Runs of datasets are files" in said


async def test_what_is_on_is_not_to_be_switched_on(open_office: Callable[..., Office]) -> None:
    said = words(await body(open_office(**ON)))
    assert "evaluation.enabled" not in said
    assert "No output was measured in the last 7 days. It takes a few seconds after an answer." in said
    assert "evaluation.judge names a model that grades them. How to: docs/how-to/judge-with-a-model.md" in said


async def test_three_estimates_side_by_side(office: Office) -> None:
    publish_standing(office.home.quality_standing, office.clock.wall, ALL, GOOD)
    page = await body(office)
    said = words(page)
    assert "Route Corrected People alone Judge alone Outputs Judged Labelled" in said
    assert "cheap/small 0.790 0.740 to 0.840 0.800 0.700 to 0.900 0.850 0.800 to 0.900 1,000 150 15.0% 70 7.0%" in said
    assert "judge usable : the correlation with people is between 0.60 and 0.85 0.900 0.850 to 0.950" in said
    assert "Judge unusable" not in said
    assert page.count(b"data-chart=") == 1
    assert b'"by":"corrected"' in page.replace(b" ", b"").replace(b"&#34;", b'"')


async def test_a_judge_that_is_of_no_use_is_told_loudly(office: Office) -> None:
    publish_standing(office.home.quality_standing, office.clock.wall, ALL, GOOD, BAD)
    page = await body(office)
    loud = page.partition(b'role="alert">')[2].partition(b"</p>")[0]
    assert "Judge unusable for cheap/large : the correlation with people" in words(loud)
    assert page.index(b'role="alert"') < page.index(b"How good answers are")
    only = await body(office, "?route=cheap/small")
    assert b'role="alert"' not in only
    assert b"cheap/large" in only, "it can be chosen"
    assert "of this route" in words(await body(office, "?route=cheap/none"))


async def test_what_is_stale_or_broken_is_not_believed(office: Office) -> None:
    publish_standing(office.home.quality_standing, office.clock.wall - 120 * 10**9, GOOD)
    assert "Nothing is known yet by a judge" in words(await body(office))
    office.home.quality_standing.write_bytes(b'{"rows": [[[')
    assert "Nothing is known yet by a judge" in words(await body(office))


async def test_what_was_looked_at_and_what_fails(open_office: Callable[..., Office]) -> None:
    office = open_office(**ON)
    add_samples(office.engine, start(office))
    add_scores(office.engine, start(office), failed=2)
    add_scores(office.engine, start(office), metric="length", judged=0, failed=0, total=125.0)
    publish(office.home.quality, QualityFigures(stale_at=office.clock.wall + 1, waiting=12))
    page = await body(office, "?window=24h")
    said = words(page)
    assert "Measured 100 outputs in the last 24 hours, 12 more wait" in said
    assert "Drawn for the judge 15.0% 15.0% is wanted" in said
    assert "cheap/small 100 90 90.0% 8 8.0% 15 15.0% 7 7.0% 1 1.0%" in said
    assert "cheap/small format v1 20.0% 5.7% to 51.0% 0.900 10" in said
    assert "cheap/small length v1 \u2013 \u2013 12.500 10" in said
    assert "Share of outputs that fail format, by hour" in page.decode()
    assert "Mean of length, by hour" in (await body(office, "?window=24h&metric=length")).decode()


@pytest.mark.parametrize("query", ["window=never", f"metric={'x' * 41}", f"route={'x' * 331}", "window=%00"])
async def test_what_cannot_be_asked(office: Office, query: str) -> None:
    answer = await (await office.enter(Role.VIEWER)).get(f"{PATH}?{query}")
    assert answer.status == 400


async def test_words_of_others_are_text(office: Office) -> None:
    rows = (msgspec.structs.replace(BAD, tier="t", target=HOSTILE, why=HOSTILE, epoch=HOSTILE),)
    publish_standing(office.home.quality_standing, office.clock.wall, *rows)
    add_samples(office.engine, start(office), target=HOSTILE)
    add_scores(office.engine, start(office), target=HOSTILE)
    page = await body(office, "?route=" + "%3Cscript%3Ealert(1)%3C/script%3E")
    check_markup(page)
    whole = await body(office)
    check_hostile(whole)
    check_markup(whole)
