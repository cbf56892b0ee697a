"""What a cache served, counted; and the pairs that it is asked."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cache_figures import NEVER, Outcome, figures, p_chr_auc, per_cent, recall_at
from bench.cache_pairs import Asked, Pair, parse_pairs, read_mock, texts_of
from bench.kept import find_environment
from bench.native import BenchmarkError


def outcomes(*rows: tuple[bool, bool, float]) -> list[Outcome]:
    return [Outcome("right" if right else "trap", right, served, score) for right, served, score in rows]


FOUR = outcomes((True, True, 0.9), (False, True, 0.8), (True, False, 0.7), (False, False, 0.6))


def test_rates_by_hand() -> None:
    found = figures(FOUR)
    assert (found["hit_rate"], found["hit_of"], found["wrong_serve_rate"], found["precision"]) == (0.5, 2, 0.5, 0.5)
    assert found["hit_interval"] == pytest.approx((0.0945, 0.9055), abs=1e-4)
    assert found["by_category"]["right"]["wrong_serve_rate"] is None
    assert found["by_category"]["trap"]["wrong_serve_rate"] == 0.5
    assert per_cent(found, "hit") == "50.0 % (9.5..90.5)"
    assert per_cent(found["by_category"]["right"], "wrong_serve") == "-"


def test_the_area_under_precision_by_hand() -> None:
    assert p_chr_auc(FOUR) == pytest.approx((1 + 1 / 2 + 2 / 3 + 2 / 4) / 4)
    tied = outcomes((True, True, 0.9), (True, False, NEVER), (False, False, NEVER))
    assert p_chr_auc(tied) == pytest.approx((1 + 1.5 / 2 + 2 / 3) / 3)
    assert p_chr_auc([]) is None


def test_recall_within_a_budget_by_hand() -> None:
    assert recall_at(FOUR, 0.01) == 0.5
    assert recall_at(FOUR, 0.5) == 1.0
    assert recall_at(outcomes((True, True, 0.9), (False, True, 0.9)), 0.5) == 0.0
    assert recall_at(outcomes((True, False, NEVER), (False, False, NEVER)), 1.0) == 0.0
    assert recall_at(outcomes((True, True, 0.9)), 1.0) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([NEVER, 0.1, 0.5, 0.9])), min_size=1))
def test_figures_of_anything_are_shares(rows: list[tuple[bool, bool, float]]) -> None:
    found = figures(outcomes(*rows))
    shares = [found["hit_rate"], found["wrong_serve_rate"], found["precision"], found["p_chr_auc"]]
    assert all(share is None or 0 <= share <= 1 for share in [*shares, *found["recall_at_wrong"].values()])
    assert found["hit_of"] + found["wrong_serve_of"] == len(rows)


def test_what_is_asked_is_a_and_what_is_kept_is_b() -> None:
    line = json.dumps({"a": "one", "b": "two", "same_answer": False, "category": "names", "id": 7})
    assert parse_pairs([line, "  "]) == [Pair("one", "two", False, "names")]


def test_an_origin_that_is_there_twice_is_no_wrong_answer() -> None:
    rows = [
        {"origin": "It is here.", "similar": "Here it is."},
        {"origin": "it is  here.", "similar": "It can be found here."},
        {"origin": "It is there.", "similar": "There it is."},
    ]
    pairs, crowd = read_mock(rows)
    assert [pair.asked for pair in pairs] == ["Here it is.", "It can be found here.", "There it is."]
    assert all(pair.same_answer for pair in pairs)
    assert [one.without for one in crowd.asked] == [(0, 1), (0, 1), (2,)]
    assert Asked("There it is.", (2,)) in crowd.asked
    assert len(texts_of(pairs, crowd)) == 6


def test_what_cannot_be_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(BenchmarkError, match="needs uv"):
        find_environment("none", ("x==1",))
    assert not (tmp_path / "homeport-bench" / "none").exists()
