"""What the benchmark of swapped engines calls missed."""

from typing import Any

from bench.substitution import missed, pair_name


def report(seconds: float = 100.0, alarms: int = 0, after: int = 2, *, changed: bool = True) -> dict[str, Any]:
    swap = {"changed": changed, "after_batches": after}
    return {"engines": {"a": {"search_seconds": seconds, "false_alarms": alarms}}, "swaps": {pair_name("A", "b"): swap}}


def test_what_holds_is_not_missed() -> None:
    assert missed(report()) == []
    assert missed(report(after=3)) == []


def test_what_does_not_is() -> None:
    assert missed(report(seconds=600)) == ["a: border inputs took 600 s"]
    assert missed(report(alarms=1)) == ["a: 1 false alarms"]
    for after in (0, 4):
        assert missed(report(after=after)) == [f"a-to-b: noticed after {after} batches (0: never)"]
    assert missed(report(changed=False))
