"""From token log-probabilities to the probability of being right."""

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.core.routing import Answer, Prompt, TokenLogprob, Turn
from homeport.routing.confidence import SIGNALS, Confidence, at_most, decode_confidence, encode_confidence
from homeport.routing.families import Family, family_of, family_of_text
from homeport.stats.calibration import Isotonic, Platt

FLAT = Platt(0.0, 0.0, 0.5)
CURVE = Isotonic((-2.0, 0.0), (0.2, 0.8), 0.1)


def answer(*logprobs: float, runner_up: float | None = None) -> Answer:
    return Answer(text="x", logprobs=tuple(TokenLogprob("t", logprob, runner_up) for logprob in logprobs))


def test_signals_by_hand() -> None:
    tokens = answer(-0.1, -3.0, -0.2, runner_up=-4.0).logprobs
    told = {name: signal(tokens) for name, signal in SIGNALS.items()}
    assert told == pytest.approx(
        {
            "mean": -1.1,
            "sum": -3.3,
            "minimum": -3.0,
            "low": -3.0,
            "first": -0.1,
            "margin": 2.9,
            "sure_share": 2 / 3,
        }
    )
    alone = answer(math.log(0.9)).logprobs
    assert SIGNALS["margin"](alone) == pytest.approx(math.log(0.9) - math.log(0.1))


@given(
    st.lists(
        st.tuples(st.floats(), st.one_of(st.none(), st.floats())).map(lambda pair: TokenLogprob("t", *pair)), min_size=1
    )
)
def test_signals_are_finite_whatever_an_engine_tells(tokens: list[TokenLogprob]) -> None:
    for signal in SIGNALS.values():
        assert math.isfinite(signal(tokens))


TOKENS = st.lists(st.floats(-20.0, 0.0).map(lambda logprob: TokenLogprob("t", logprob)), min_size=1, max_size=40)


@given(TOKENS, TOKENS, st.sampled_from(["sum", "minimum", "first"]))
def test_a_beginning_is_never_less_sure_than_the_whole(
    beginning: list[TokenLogprob], rest: list[TokenLogprob], signal: str
) -> None:
    most = at_most(signal, beginning)
    assert most >= SIGNALS[signal]([*beginning, *rest])


@pytest.mark.parametrize("signal", ["mean", "margin", "sure_share", "low"])
def test_an_average_of_a_beginning_leaves_room(signal: str) -> None:
    """Whole answers of one model: seldom does one turn out surer than its first 32 tokens let hope."""
    dice = random.Random(3)
    above, fewest = 0, 0
    for _ in range(400):
        doubt = dice.uniform(0.2, 3.0)
        whole = [TokenLogprob("t", -dice.expovariate(1 / doubt)) for _ in range(200)]
        most, few = at_most(signal, whole[:32]), at_most(signal, whole[:7])
        above += most < SIGNALS[signal](whole)
        fewest += few < SIGNALS[signal](whole)
        assert most >= SIGNALS[signal](whole[:32])
    assert above <= 400 * 0.09, "a few points are lost to the normal approximation"
    assert above > 0 or signal == "low", "it would be no limit at all"
    assert fewest == 0, "seven tokens are too few to say"


def test_of_a_beginning_the_best_that_may_come_counts() -> None:
    known = Confidence(models={"m": {"": CURVE}})
    mixed = [-0.1, -1.5] * 8
    whole = answer(*mixed)
    beginning = Answer(text="x", logprobs=whole.logprobs, whole=False)
    high, low = known.probability("m", "", beginning), known.probability("m", "", whole)
    assert high is not None
    assert low is not None
    assert low < high < 0.8
    short = known.probability("m", "", Answer(text="x", logprobs=whole.logprobs[:7], whole=False))
    assert short == pytest.approx(0.8, abs=1e-5), "the highest that the curve knows"


def test_whether_families_matter() -> None:
    known = Confidence(models={"m": {"": CURVE, "math": FLAT}, "n": {"": CURVE}})
    assert [known.has_families(model) for model in ("m", "n", "o")] == [True, False, False]


def test_the_nearest_calibrator_is_taken() -> None:
    known = Confidence(models={"m": {"": CURVE, "math": FLAT}}, overall=Platt(0.0, 2.0, 0.5))
    assert known.probability("m", "math", answer(-1.0)) == pytest.approx(0.5, abs=1e-6)
    assert known.probability("m", "code", answer(-1.0)) == pytest.approx(0.5)
    assert known.probability("m", "code", answer(-0.5)) == pytest.approx(0.65)
    assert known.probability("other", "math", answer(-1.0)) == pytest.approx(0.88, abs=0.01)
    assert known.probability("m", "math", Answer(text="x")) is None
    assert known.probability("model", "math", answer(-1.0), "m") == pytest.approx(0.5, abs=1e-6), "by the tier's name"
    assert known.probability("m", "code", answer(-0.5), "m") == known.probability("m", "code", answer(-0.5))
    assert Confidence().probability("m", "math", answer(-1.0)) is None


def test_it_is_read_as_written() -> None:
    known = Confidence(signal="minimum", models={"m": {"": CURVE, "math": FLAT}}, silent={"s": 0.5}, overall=FLAT)
    assert decode_confidence(encode_confidence(known)) == known


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"signal":"vibes"}',
        b'{"silent":{"m":1.5}}',
        b'{"overall":{"type":"isotonic","knots":[1,0],"values":[0,1],"lowest":0}}',
        b'{"overall":{"type":"isotonic","knots":[0,1],"values":[1,0],"lowest":0}}',
        b'{"overall":{"type":"isotonic","knots":[0,1],"values":[0,2],"lowest":0}}',
        b'{"overall":{"type":"isotonic","knots":[0],"values":[0,1],"lowest":0}}',
        b'{"overall":{"type":"platt","slope":1,"intercept":0,"lowest":7}}',
        b'{"models":{"m":{"":{"type":"isotonic","knots":[1,0],"values":[0,1],"lowest":0}}}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        decode_confidence(content)
    assert caught.value.code == "router_part_invalid"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Which is a fruit?\nA. apple\nB. stone\nC. iron\nD. glass\nAnswer:", Family.CHOICE),
        ("Fix this:\n```\nprint(1)\n```", Family.CODE),
        ("Write a python program that sorts.", Family.CODE),
        ("Extract the names as JSON.", Family.EXTRACTION),
        ("What is 12 * 7?", Family.MATH),
        ("How many apples are left?", Family.MATH),
        ("Who wrote Faust?", Family.QUESTION),
        ("Tell me about your day", Family.CHAT),
        ("", Family.CHAT),
    ],
)
def test_families(text: str, family: Family) -> None:
    assert family_of_text(text) is family
    assert family_of(Prompt(turns=(Turn("system", "Extract."), Turn("user", text), Turn("assistant", "ok")))) is family


def test_json_that_is_asked_for_is_extraction() -> None:
    assert family_of(Prompt(turns=(Turn("user", "Tell me"),), schema=True)) is Family.EXTRACTION


@pytest.mark.parametrize("unit", ["A. ", "\nA. ", "SELECT ", "1 ", "$", "what", "\n", "(", "how "])
def test_a_long_text_is_told_soon(unit: str) -> None:
    began = time.process_time()
    family_of_text(unit * 100_000)
    assert time.process_time() - began < 5  # a hang, not a speed
