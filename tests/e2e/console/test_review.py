"""A reviewer labels 30 answers by keys alone and blind; then agreement and estimates are as they should be."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine

from homeport.config.home import Home
from homeport.storage.bodies import BodyStore
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.labels import every_label
from tests.e2e.console.site import CONFIG, NARROW, Site
from tests.e2e.console.test_pages import issues
from tests.storage.reviewed import add_epoch, add_judgements, add_outputs, add_scores, output
from tests.traces.kept import chat

pytestmark = pytest.mark.slow

REVIEWED, DOUBLED, JUDGED, ALL = 31, 6, 120, 300
RATINGS = (5, 4, 4, 2, 5, 1, 3, 4, 5, 3)
"""What each tenth answer is worth: 3.6 on average, a score of 0.65."""
TRUTH = 0.65
HIDDEN = ("tier-of-gold", "model-of-gold", "toxicity", "epoch-of-brass", "judge_", "asked_", "0.73125")
_FIGURE = re.compile(r"(-?\d\.\d\d) \((-?\d\.\d\d) to (-?\d\.\d\d)\)")


def rating_of(number: int) -> int:
    return RATINGS[number % 10]


def judged(number: int) -> float:
    """The judge knows what an answer is worth, nearly, and is too kind."""
    return min(1.0, 0.25 + 0.7 * (rating_of(number) - 1) / 4 + (number % 7) * 0.01) + 0.00125


def fill(engine: Engine, home: Home) -> None:
    """A day's outputs: of all of them automatic scores, of some the judge's, and 31 that wait for people."""
    at = time.time_ns() - 3_600 * 10**9
    names = [f"asked_{number}" for number in range(ALL)]
    add_outputs(
        engine,
        *(
            output(
                name,
                at=at,
                tier=HIDDEN[0],
                target=HIDDEN[1],
                draw=0.001 if number < DOUBLED else 0.06 if number < REVIEWED else 0.2 if number < JUDGED else 0.7,
                judge_probability=0.4,
                human_probability=0.1,
                for_judge=number < JUDGED,
                for_human=number < REVIEWED,
            )
            for number, name in enumerate(names)
        ),
    )
    add_scores(engine, HIDDEN[2], dict.fromkeys(names, 0.73125))
    add_epoch(engine, HIDDEN[3])
    add_judgements(engine, HIDDEN[3], {f"asked_{number}": min(1.0, judged(number)) for number in range(JUDGED)})
    bodies = BodyStore(home.captured, keep_days=7, most_bytes=1 << 30)
    for number in range(REVIEWED):
        said = f"Answer number {number}. It is worth a {rating_of(number)}."
        bodies.put(chat(f"asked_{number}", prompt=f"What of clause {number}?", answer=said, at=at))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A program of its own, in which nothing else is asked."""
    root: Path = tmp_path_factory.mktemp("review") / "home"
    opened = Site(root, CONFIG + "evaluation: {enabled: true}\n")
    opened.start()
    engine = open_database(sqlite_url(Home(root).database))
    fill(engine, Home(root))
    engine.dispose()
    yield opened
    assert opened.program.stop() == 0, opened.program.output()


def press(page: Page, key: str) -> str:
    """Press a key that brings another answer, or none; all that the browser got to see of it."""
    item = page.locator("[data-item]").get_attribute("data-item") if page.locator("[data-item]").count() else ""
    with page.expect_response(lambda answer: "/console/review" in answer.url) as caught:
        page.keyboard.press(key)
    said = f"{caught.value.text()}{caught.value.all_headers()}"
    page.wait_for_function("old => (document.querySelector('[data-item]')?.dataset.item ?? '') !== old", arg=item)
    return said + page.content()


def number_shown(page: Page) -> int:
    found = re.search(r"Answer number (\d+)\.", page.locator("#review").inner_text())
    assert found is not None
    return int(found[1])


def label_all(page: Page, wrong: int = -1) -> list[str]:
    """Rate what is shown as it says it is worth, but for one, until nothing is; what was seen of each."""
    seen = []
    while page.locator("[data-item]").count():
        number = number_shown(page)
        rating = rating_of(number)
        seen.append(press(page, str(rating if number != wrong else (3 if rating != 3 else 1))))
    return seen


def end(page: Page) -> None:
    button = page.get_by_role("button", name="End this session")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/review/after")


def figure(page: Page, row: str) -> tuple[float, float, float]:
    """A row's last figure with its interval."""
    text = " ".join(page.locator("tr, dl div").filter(has_text=row).first.inner_text().split())
    found = _FIGURE.findall(text)
    assert found, text
    value, low, high = map(float, found[-1])
    return value, low, high


def test_thirty_answers_by_keys_alone_and_blind(house: Site, browser: Browser) -> None:
    with house.visit(browser, "reviewer") as page:
        page.goto("/console/review/after")
        page.locator("#estimates").wait_for()
        assert "By labels alone 0 too few to say" in " ".join(page.locator("#estimates").inner_text().split())
        page.get_by_role("link", name="Label more").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/review")
        page.locator("[data-item]").wait_for()
        seen = [page.content()]
        shown = page.locator("details[data-key]")
        page.keyboard.press("?")
        assert shown.get_attribute("open") is not None
        page.keyboard.press("?")
        first = number_shown(page)
        seen.append(press(page, "j"))
        assert number_shown(page) != first
        seen.append(press(page, "k"))
        assert number_shown(page) == first
        page.keyboard.press("n")
        page.keyboard.type("4 is what I would say")
        page.keyboard.press("Escape")
        assert number_shown(page) == first, "keys in a note are the note's"
        seen += [press(page, "1"), press(page, "u")]
        assert number_shown(page) == first
        while number_shown(page) < DOUBLED:
            press(page, "j")
        skipped = number_shown(page)
        seen.append(press(page, "s"))
        labelled = label_all(page)
        assert len(labelled) == 30
        assert [word for word in HIDDEN for one in (*seen, *labelled) if word in one] == []
        end(page)
        page.locator("#mine").get_by_role("cell", name="30", exact=True).wait_for()
        human, judge, corrected = (figure(page, row) for row in ("By labels alone", "By the judge alone", "Corrected"))
        expected = sum(rating_of(n) - 1 for n in range(REVIEWED) if n != skipped) / 4 / 30
        assert human[0] == pytest.approx(expected, abs=0.011)
        assert judge[1] > TRUTH, "the judge alone is sure of what is not so"
        assert corrected[1] <= TRUTH <= corrected[2]
        assert corrected[2] - corrected[1] < human[2] - human[1]
        assert figure(page, "The judge")[0] > 0.3
        assert "judge usable" in page.locator("main").inner_text()
        assert issues(page) == []
    database = open_database(sqlite_url(Home(house.program.home).database))
    kept = list(every_label(database, 0, time.time_ns()))
    database.dispose()
    assert {one.reviewer for one in kept} == {"reviewer"}
    assert all(one.rating == rating_of(int(one.request_id.removeprefix("asked_"))) for one in kept)
    assert all(one.seconds is not None for one in kept)


def test_a_second_reviewers_labels_and_the_kappa_of_both(house: Site, browser: Browser) -> None:
    """After the first: the doubles wait for somebody else, and what the first one skipped."""
    with house.visit(browser, "operator", width=NARROW, scheme="dark") as page:
        page.goto("/console/review")
        assert page.locator("#review").inner_text().startswith("7 wait for you")
        assert issues(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert len(label_all(page, wrong=0)) == DOUBLED + 1
        end(page)
        page.locator("dl div").filter(has_text=re.compile(r"Labelled twice\s*6")).wait_for()
        value, low, high = figure(page, "Kappa of reviewers")
        assert 0.3 < value < 1
        assert low < value < high
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
