"""What is usual for a caller: known after enough requests, slow to change, bounded."""

from homeport.ledger.usual import Usual

A, B = ("latency", "key_a", "mid"), ("latency", "key_b", "mid")


def test_it_is_known_after_thirty_requests_in_five_stretches() -> None:
    usual = Usual()
    for _ in range(4):
        usual.learn(A, [1.0] * 50)
        assert usual.of(A) is None
    usual.learn(A, [1.0] * 50)
    assert usual.of(A) == 1.0
    for _ in range(29):
        usual.learn(B, [2.0])
    assert usual.of(B) is None
    usual.learn(B, [2.0])
    assert usual.of(B) == 2.0


def test_what_changed_lately_is_not_usual_yet_and_can_be_forgotten() -> None:
    usual = Usual()
    for _ in range(5):
        usual.learn(A, [1.0] * 10)
    for _ in range(18):
        usual.learn(A, [9.0] * 10)
    assert usual.of(A) == 1.0
    usual.forget_lately(A)
    for _ in range(18):
        usual.learn(A, [1.0] * 10)
    assert usual.of(A) == 1.0
    for _ in range(60):
        usual.learn(A, [9.0] * 10)
    assert usual.of(A) == 9.0


def test_a_caller_can_be_learned_anew() -> None:
    usual = Usual()
    for _ in range(5):
        usual.learn(A, [1.0] * 10)
    usual.forget(A)
    usual.forget_lately(B)
    assert usual.of(A) is None


def test_callers_are_found_by_what_they_have_in_common() -> None:
    usual = Usual()
    for caller in (A, B, ("latency", "key_a", "top")):
        usual.learn(caller, [1.0])
    assert usual.callers(2, "mid") == [A, B]
    assert usual.callers(1, "key_a") == [A, ("latency", "key_a", "top")]


def test_the_number_of_callers_is_bounded() -> None:
    usual = Usual()
    for place in range(5_000):
        usual.learn(("latency", f"key_{place}", "mid"), [1.0])
    assert len(usual.callers(2, "mid")) == 4_000
    assert usual.callers(1, "key_0") == []
