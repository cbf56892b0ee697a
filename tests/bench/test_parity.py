"""What the bench of parity makes of the program's JSON."""

from typing import Any

from bench.parity import lines, missed


def share(hits: int, of: int = 2) -> dict[str, Any]:
    return {"hits": hits, "of": of, "low": 0.1, "high": 0.9}


def step(token: str, logprob: float | None) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "margin": logprob and 0.25, "other": None}


def report(*, prompts: int = 2, same: int = 2, profile: str = "deterministic") -> dict[str, Any]:
    parted = {"position": 3, "before": "x", "a": step(" is", -0.5), "b": step("", None)}
    cases = [{"id": "one", "divergence": None}, {"id": "two", "divergence": parted}]
    a, b = {"name": "a", "build": "1"}, {"name": "b", "build": "2"}
    parity = {"a": a, "b": b, "cases": cases, "prompts": share(prompts)}
    repeat = {"condition": "idle, cold", "identical": share(same), "logprobs": share(same), "distinct": 1}
    return {
        "outcomes": [{"run": {"build": a, "score": share(1)}}],
        "parities": [{**parity, "verdicts": share(2), "answers": share(1), "first_tokens": share(2)}],
        "probes": {"a": [{"profile": profile, "repeats": [repeat]}]},
        "missed": [],
    }


def test_all_is_well_where_prompts_are_one_and_answers_repeat() -> None:
    assert missed(report()) == []


def test_two_templates_are_missed() -> None:
    assert missed(report(prompts=1)) == ["a beside b: 1 prompts are rendered in two ways"]


def test_only_a_profile_that_claims_to_repeat_is_held_to_it() -> None:
    assert missed(report(same=1)) == ["a, deterministic, idle, cold: 1/2 (0.100-0.900) are the same"]
    assert missed(report(same=1, profile="default")) == []


def test_a_report_without_a_comparison_has_probes_alone() -> None:
    assert missed({"probes": report()["probes"]}) == []


def test_the_report_says_where_answers_part() -> None:
    told = lines(report())
    assert "  two, token 3: ' is' -0.500 0.250 - / '' - - -" in told
    assert not any("one, token" in line for line in told)
    assert any("2 with the same log-probabilities" in line for line in told)
