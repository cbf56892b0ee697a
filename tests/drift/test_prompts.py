"""Other prompts are noticed with what shows them, and days that differ are not."""

import random

import pytest

from homeport.core.prompts import Reached
from homeport.drift.prompt_batches import LEAST_PROMPTS, MOST_PROMPTS, Batch, batches_of
from homeport.drift.prompt_told import finding_of
from homeport.drift.prompt_views import VIEWS
from homeport.drift.prompts import LAG, LEAST_BATCHES, Verdict, Watch, watch
from tests.drift.prompt_days import CODE, LAW, OTHER, Ask, about, days, mixed, moving, name_of, reader

LAWYERS, CODERS, OTHERS = about(LAW), about(CODE), about(OTHER)
GERMAN = ["der", "die", "das", "und", "ist", "nicht", "ich", "sie", "es", "ein", "eine", "zu", "den", "mit"]
FIRST = 21
BEFORE = (Reached("cheap/small", "key_1", 30), Reached("dear/large", "key_1", 10))
NOW = (
    Reached("cheap/small", "key_2", 8),
    Reached("cheap/small", "key_1", 1),
    Reached("dear/large", "key_1", 1),
)


def watched(count: int, ask: Ask | None = None, moved: Ask | None = None, **more: int) -> Watch:
    usual = ask or LAWYERS
    return watch(batches_of(days(count, moving(usual, moved, FIRST) if moved else lambda _: usual, **more)))


def test_a_move_over_a_week_is_an_alarm_with_examples_of_what_is_new() -> None:
    found = watched(FIRST + 10, moved=CODERS)
    [alarm] = found.alarms
    assert name_of(FIRST) < alarm.day <= name_of(FIRST + 5)
    assert name_of(FIRST) <= alarm.since <= name_of(FIRST + 2)
    assert {"unfamiliar", "unknown words"} & set(alarm.views)
    assert len(alarm.examples) == len(set(alarm.examples)) >= 4
    said = dict(texts(FIRST + 10))
    assert all(set(said[name].split()) & set(CODE) for name in alarm.examples)
    assert found.judged[-1].e_value < 1_000, "what came then is learned"


def texts(count: int) -> list[tuple[str, str]]:
    """What `days` asked, with the same seed."""
    rng, ask = random.Random(1), moving(LAWYERS, CODERS, FIRST)
    return [(f"{day}-{number}", ask(day)(rng)) for day in range(count) for number in range(40)]


@pytest.mark.parametrize("seed", range(3))
def test_days_that_differ_by_weekday_and_by_who_asks_raise_none(seed: int) -> None:
    rng = random.Random(seed)
    shares = [0.9 if day % 7 >= 5 else rng.uniform(0, 0.4) for day in range(80)]
    found = watch(batches_of(days(80, lambda day: mixed(LAWYERS, OTHERS, shares[day]), each=20, seed=seed)))
    assert found.alarms == ()
    assert max(one.e_value for one in found.judged) < 100


def test_one_day_of_something_else_is_no_alarm_and_a_few_are() -> None:
    def burst(length: int) -> Watch:
        return watch(batches_of(days(40, lambda day: CODERS if 25 <= day < 25 + length else LAWYERS)))

    assert burst(1).alarms == ()
    assert burst(1).judged[25].verdict is Verdict.MOVED
    assert len(burst(4).alarms) == 1


@pytest.mark.parametrize(
    ("usual", "new", "view"),
    [
        (LAWYERS, about(LAW, 60, 90), "length"),
        (LAWYERS, lambda rng: f"```python\n{LAWYERS(rng)}\n```", "format"),
        (LAWYERS, lambda rng: " ".join(rng.choices(GERMAN, k=8) + rng.choices(LAW, k=8)), "language"),
    ],
)
def test_each_view_sees_its_own(usual: Ask, new: Ask, view: str) -> None:
    [alarm] = watched(FIRST + 8, usual, new).alarms
    assert view in alarm.views
    figure = alarm.figures[alarm.views.index(view)]
    assert figure.before
    assert figure.now
    assert figure.before != figure.now


def test_a_tenth_of_something_else_is_noticed_in_the_end() -> None:
    found = watch(batches_of(days(45, lambda day: LAWYERS if day < 28 else mixed(LAWYERS, CODERS, 0.1), each=60)))
    assert [name_of(28) < alarm.day for alarm in found.alarms] == [True]


def test_nothing_is_judged_before_a_week_is_known_and_a_week_waits_before_it_is_learned() -> None:
    found = watched(24)
    assert [one.verdict for one in found.judged[:LEAST_BATCHES]] == [Verdict.LEARNED] * LEAST_BATCHES
    assert all(one.scores for one in found.judged[LEAST_BATCHES:])
    assert found.judged[LEAST_BATCHES + LAG].learned_from <= LEAST_BATCHES + 1
    assert len(found.judged[-1].scores) == len(VIEWS)


def test_each_day_is_judged_by_those_before_it_alone() -> None:
    every, some = watched(FIRST + 8, moved=CODERS), watched(FIRST + 1, moved=CODERS)
    assert every.judged[: len(some.judged)] == some.judged


def test_days_with_too_few_prompts_are_put_together_and_the_same_text_is_one() -> None:
    few = list(batches_of(days(10, lambda _: LAWYERS, each=LEAST_PROMPTS // 2)))
    assert [(one.first, one.last) for one in few] == [(name_of(day), name_of(day + 1)) for day in range(0, 10, 2)]
    assert list(batches_of(days(10, lambda _: lambda _: "the same again"))) == []
    [many] = batches_of(days(1, lambda _: LAWYERS, each=2 * MOST_PROMPTS))
    assert len(many) == MOST_PROMPTS


def test_the_rate_moves_the_threshold() -> None:
    told = list(batches_of(days(FIRST + 8, moving(LAWYERS, CODERS, FIRST))))
    assert watch(told, 0.1).alarms[0].day < watch(told, 1e-6).alarms[0].day


def test_prompts_that_say_nothing_break_nothing() -> None:
    blank = batches(["\U0001f600" * number + "\x00" for number in range(1, 30)])
    usual = list(batches_of(days(12, lambda _: LAWYERS)))
    assert len(watch([*usual, *blank, *blank]).judged) == 14
    assert len(watch([*blank] * 10).judged) == 10


def batches(said: list[str]) -> list[Batch]:
    return list(batches_of([("2027-01-01", reader().read([(str(n), text) for n, text in enumerate(said)]))]))


def test_a_finding_says_what_changed_and_what_to_do() -> None:
    [alarm] = watched(FIRST + 10, moved=CODERS).alarms
    finding = finding_of(alarm, "acme/legal", BEFORE, NOW)
    assert finding.subject == "acme/legal"
    assert "acme/legal" in finding.sentence
    assert alarm.since in finding.sentence
    assert finding.examples == alarm.examples
    assert finding.examples[0] in finding.actions[0].command
    assert finding.routes == ("cheap/small", "dear/large")
    assert [(one.name, one.before, one.now) for one in finding.evidence[len(alarm.views) :]] == [
        ("prompts at cheap/small", "30 of 40 (75 %) looked at", "9 of 10 (90 %) that are new"),
        ("prompts at dear/large", "10 of 40 (25 %) looked at", "1 of 10 (10 %) that are new"),
        ("prompts of key key_2", "none of 40 looked at", "8 of 10 (80 %) that are new"),
        ("prompts of key key_1", "40 of 40 (100 %) looked at", "2 of 10 (20 %) that are new"),
    ]


def test_all_that_is_new_is_told_and_hardly_anything_else() -> None:
    [alarm] = watched(FIRST + 10, moved=CODERS).alarms
    said = dict(texts(FIRST + 10))
    assert set(alarm.examples) <= set(alarm.new)
    is_new = [bool(set(said[name].split()) & set(CODE)) for name in alarm.new]
    assert sum(is_new) > 0.9 * len(is_new)
