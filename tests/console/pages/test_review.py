"""The page Review: blind, a label at a time, and figures only when the session has ended."""

import html
import re
from collections.abc import Mapping

import pytest

from homeport.console.pages.review import PATH
from homeport.core.people import Role
from homeport.evaluation.review import queue_rules
from homeport.storage.labels import every_label, ratings_of
from homeport.storage.review_queue import hand_out, queue_counts
from homeport.storage.standing_quality import (
    Interval,
    QualityStanding,
    ReviewerQuality,
    RouteQuality,
    write_standing,
)
from tests.console.office import Browser, Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.storage.reviewed import NOW, add_epoch, add_judgements, add_labels, add_outputs, add_scores, output
from tests.traces.kept import chat

_ITEM = re.compile(r'name="item" value="([0-9a-f]{32})"')
SECRETS = ("tier-of-gold", "model-of-gold", "toxicity", "0.8125", "bob", "judge-epoch")


def fill(office: Office, count: int = 4, answer: str = "The notice period is 30 days.") -> None:
    """Outputs that wait, one with another reviewer's label, all with a judge's and a metric's score."""
    office.clock.wall = NOW
    names = [f"asked_{number}" for number in range(count)]
    add_outputs(
        office.engine,
        *(output(name, doubled=place == 0, tier=SECRETS[0], target=SECRETS[1]) for place, name in enumerate(names)),
    )
    for name in names:
        office.bodies.put(chat(name, prompt=f"What of {name[-1]}?", answer=answer, at=NOW - 60 * 10**9))
    add_epoch(office.engine, SECRETS[5])
    add_judgements(office.engine, SECRETS[5], dict.fromkeys(names, 0.8125))
    add_scores(office.engine, SECRETS[2], dict.fromkeys(names, 0.8125))
    add_labels(office.engine, SECRETS[4], {"asked_0": 1})


def item(page: bytes) -> str:
    found = _ITEM.search(page.decode())
    assert found is not None, words(page)
    return found[1]


async def rate(browser: Browser, page: bytes, rating: str = "4", **more: str) -> bytes:
    """The next page, as a browser with scripts gets it."""
    fields = {"item": item(page), "rating": rating, "seconds": "2.5", **more}
    answer = await browser.post(f"{PATH}/label", fields, hx_request="true")
    assert answer.status == 200, answer.body
    return answer.body


async def test_an_answer_is_shown_and_rated_and_the_next_one_comes(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    assert "The notice period is 30 days." in words(page)
    assert "4 wait for you, 0 labelled" in words(page)
    seen = [item(page)]
    for rating in "5312":
        page = await rate(browser, page, rating, note=" well said ")
        seen += _ITEM.findall(page.decode())[:1]
    assert "0 wait for you, 4 labelled" in words(page)
    assert len({*seen}) == 4
    mine = [one for one in every_label(office.engine, 0, NOW + 1) if one.reviewer == "reviewer"]
    assert sorted(one.rating for one in mine) == [1, 2, 3, 5]
    assert {(one.seconds, one.note) for one in mine} == {(2.5, "well said")}


async def test_nothing_on_the_page_tells_what_others_think(office: Office) -> None:
    """Whole and in part, in every state of it, and in the headers."""
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    answers = [await browser.get(PATH)]
    page = answers[0].body
    for step in ("skip", "label", "undo"):
        fields = {"item": item(page), "rating": "2"}
        answers.append(await browser.post(f"{PATH}/{step}", fields, hx_request="true"))
        page = answers[-1].body
    answers.append(await browser.get(f"{PATH}?item={item(page)}"))
    answers.append(await browser.get(f"{PATH}/after"))
    for answer in answers:
        assert answer.status == 200
        said = html.unescape(answer.body.decode()) + str(answer.headers)
        assert [secret for secret in (*SECRETS, "asked_") if secret in said] == []


async def test_without_scripts_too(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    answer = await browser.post(f"{PATH}/label", {"item": item(page), "rating": "1"})
    assert (answer.status, answer.headers["location"]) == (303, PATH)
    assert "1 labelled" in words((await browser.get(PATH)).body)


async def test_one_walks_through_what_one_holds(office: Office) -> None:
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    assert b'data-key="k"' not in page
    first, seen = item(page), [item(page)]
    while found := re.search(r'href="(/console/review\?item=\w+)"[^>]*data-key="j"', page.decode()):
        page = (await browser.get(found[1])).body
        seen.append(item(page))
    assert len({*seen}) == 4
    before = re.search(r'href="(/console/review\?item=\w+)"[^>]*data-key="k"', page.decode())
    assert before is not None
    assert item((await browser.get(before[1])).body) == seen[-2]
    assert item((await browser.get(f"{PATH}?item=unheard-of")).body) == first


async def test_skip_undo_and_take_up(office: Office) -> None:
    fill(office, 2)
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    skipped = item(page)
    page = (await browser.post(f"{PATH}/skip", {"item": skipped}, hx_request="true")).body
    labelled = item(page)
    assert labelled != skipped
    page = await rate(browser, page)
    assert "Look at the 1 again that you skipped" in words(page)
    undone = (await browser.post(f"{PATH}/undo", hx_request="true")).body
    assert item(undone) == labelled
    assert "taken back" in words(undone)
    assert queue_counts(office.engine, "reviewer", queue_rules(office.settings.evaluation.review), NOW).labelled == 0
    again = (await browser.post(f"{PATH}/undo", hx_request="true")).body
    assert "no label of this session" in words(again)
    assert (await browser.post(f"{PATH}/take-up")).status == 303
    assert "2 wait for you" in words((await browser.get(PATH)).body)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"rating": "0"},
        {"rating": "6"},
        {"rating": "4.0"},
        {"rating": "\u0664"},
        {"rating": "4", "note": "x" * 2_001},
        {"rating": "nan"},
    ],
)
async def test_what_is_no_rating_is_refused(office: Office, fields: Mapping[str, str]) -> None:
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    answer = await browser.post(f"{PATH}/label", {"item": item(page), **fields})
    assert answer.status == 400
    assert not [
        name for name in ratings_of(office.engine, ["asked_0", "asked_1", "asked_2", "asked_3"]) if name[1] != "bob"
    ]


@pytest.mark.parametrize("seconds", ["", "-1", "nan", "inf", "1e9", "soon"])
async def test_time_that_cannot_be_is_not_kept(office: Office, seconds: str) -> None:
    fill(office)
    browser = await office.enter(Role.REVIEWER)
    await rate(browser, (await browser.get(PATH)).body, seconds=seconds)
    [mine] = [one for one in every_label(office.engine, 0, NOW + 1) if one.reviewer == "reviewer"]
    assert mine.seconds is None


async def test_a_label_twice_or_of_another_ones_answer_is_not_kept(office: Office) -> None:
    fill(office)
    ann, bob = await office.enter(Role.REVIEWER), await office.enter(Role.OPERATOR)
    page = (await ann.get(PATH)).body
    await rate(ann, page)
    assert "not yours any more" in words(await rate(ann, page, "1")), "sent twice"
    assert "not yours any more" in words(
        (await bob.post(f"{PATH}/label", {"item": item(page), "rating": "1"}, hx_request="true")).body
    ), "a word of another session"
    mine = [one for one in every_label(office.engine, 0, NOW + 1) if one.reviewer in ("reviewer", "operator")]
    assert [(one.reviewer, one.rating) for one in mine] == [("reviewer", 4)]


async def test_hostile_text_is_text(office: Office) -> None:
    fill(office, 1, answer=HOSTILE)
    browser = await office.enter(Role.REVIEWER)
    check_hostile((await browser.get(PATH)).body)


async def test_what_cannot_be_read_can_be_skipped(office: Office) -> None:
    fill(office, 1)
    for path in office.home.captured.rglob("asked_0.msgpack.z"):
        path.write_bytes(b"cut off")
    browser = await office.enter(Role.REVIEWER)
    page = (await browser.get(PATH)).body
    assert "cannot be read. Skip it." in words(page)
    page = (await browser.post(f"{PATH}/skip", {"item": item(page)}, hx_request="true")).body
    assert "0 wait for you" in words(page)


INTERVAL = Interval(0.625, 0.5, 0.75)
ROUTE = RouteQuality(
    tier="",
    target="",
    epoch="e",
    since=0,
    until=NOW,
    outputs=400,
    judged=60,
    labelled=31,
    doubled=5,
    human=INTERVAL,
    judge=Interval(0.8, 0.75, 0.85),
    corrected=Interval(0.64, 0.55, 0.73),
    agreement=INTERVAL,
    kappa=INTERVAL,
    correlation=None,
    reviewers=Interval(0.41, 0.2, 0.6),
    verdict="judge usable",
    why="the correlation with people is between 0.40 and 0.80",
)


async def test_figures_are_shown_when_the_session_has_ended_and_nothing_can_be_taken_back(office: Office) -> None:
    fill(office)
    mine = ReviewerQuality(
        reviewer="reviewer",
        labelled=1,
        judged=1,
        shared=0,
        agreement=Interval(0.93, 0.8, 0.99),
        kappa=None,
        others_agreement=None,
        others_kappa=None,
    )
    standing = QualityStanding(computed_at=NOW, stale_at=NOW + 10**12, rows=(ROUTE,), reviewers=(mine,))
    write_standing(office.home.quality_standing, standing)
    browser = await office.enter(Role.REVIEWER)
    await rate(browser, (await browser.get(PATH)).body)
    before = (await browser.get(f"{PATH}/after")).body
    assert "0.93" not in words(before)
    assert "0.64" not in words(before)
    ended = await browser.post(f"{PATH}/end")
    assert ended.headers["location"] == f"{PATH}/after"
    for headers in ({}, {"hx_request": "true"}):
        said = words((await browser.get(f"{PATH}/after", **headers)).body)
        assert "The judge 1 0.93 (0.80 to 0.99) too few to say" in said
        assert "Corrected 400 0.64 (0.55 to 0.73)" in said
        assert "Kappa of reviewers 0.41 (0.20 to 0.60)" in said
    undone = (await browser.post(f"{PATH}/undo", hx_request="true")).body
    assert "no label of this session" in words(undone)


async def test_without_figures_it_says_so(office: Office) -> None:
    browser = await office.enter(Role.REVIEWER)
    assert "How it stands is not known" in words((await browser.get(f"{PATH}/after")).body)
    empty = QualityStanding(computed_at=1, stale_at=1 << 62, rows=())
    write_standing(office.home.quality_standing, empty)
    assert "Nothing that you labelled is counted yet" in words((await browser.get(f"{PATH}/after")).body)


async def test_others_wait_while_somebody_looks(office: Office) -> None:
    fill(office, 3)
    await (await office.enter(Role.REVIEWER)).get(PATH)
    rules = queue_rules(office.settings.evaluation.review)
    given = hand_out(office.engine, "eve", rules, NOW, lambda _name, _at: True)
    assert given == [], "bob and the reviewer have the double one, and the reviewer the others"
