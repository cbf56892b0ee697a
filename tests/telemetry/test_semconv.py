"""One table has every name, and the page of them is what it says."""

from pathlib import Path

from homeport.telemetry import semconv
from homeport.telemetry.semconv import Naming

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "spans.md"
NAMES = {
    name for name in vars(semconv) if name.isupper() and name[0] != "_" and isinstance(getattr(semconv, name), str)
}
TABLES = (semconv.SPANS, semconv.EVENTS, semconv.ATTRIBUTES, semconv.METRICS)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == semconv.markdown()


def test_every_name_is_in_one_table_with_what_it_means() -> None:
    told = [name for table in TABLES for name in table]
    assert len(told) == len(set(told))
    assert {getattr(semconv, name) for name in NAMES} <= set(told)
    assert all(meaning.strip() for table in TABLES for meaning in table.values())


def test_only_names_that_there_are_have_newer_ones() -> None:
    assert set(semconv.LATEST) <= {*semconv.ATTRIBUTES, *semconv.METRICS}
    assert not set(semconv.LATEST.values()) & {*semconv.ATTRIBUTES, *semconv.METRICS}
    assert Naming().of(semconv.DURATION) == semconv.DURATION
    assert Naming(latest=True).of(semconv.DURATION) == "gen_ai.client.inference.duration"
    assert Naming(latest=True).of(semconv.OPERATION) == semconv.OPERATION
