"""The judge: free checks, then calibrated confidence, then a rule of thumb; costs where they are to be weighed."""

import math
from typing import Any

import msgspec
import pytest

from homeport.core.money import Nano
from homeport.core.routing import Answer, Prompt, Question, TokenLogprob, Turn, Verdict
from homeport.core.types import Inference, Surface
from homeport.routing.cascade import Calibration, CascadeJudge, CascadeRules, mean_probability
from homeport.routing.confidence import Confidence, probability
from homeport.routing.promises import Ladder, keep_promise
from homeport.routing.recordings import Row
from homeport.routing.thresholds import Thresholds
from homeport.stats.calibration import Isotonic
from tests.fakes.facts import SetFacts
from tests.fakes.house import MID, OWN, TOP
from tests.routing.recorded import make_rows

HALF = math.log(0.5)
CURVE = Isotonic(knots=(-3.0, -1.0, 0.0), values=(0.1, 0.4, 0.9), lowest=0.1)
CALIBRATED = Calibration(confidence=Confidence(models={"own": {"": CURVE}}))


def ask(costs: dict[str, int] | None = None, prompt: str = "") -> Question:
    inference = Inference(
        surface=Surface.CHAT,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=9,
        deterministic=False,
        fields={},
    )
    return Question(inference, SetFacts(costs=costs, prompt=prompt))


def answer(*logprobs: float, text: str = "Clause 9.") -> Answer:
    return Answer(text=text, finish="stop", logprobs=tuple(TokenLogprob("x", logprob) for logprob in logprobs))


def judge(verdict_of: Answer, rules: CascadeRules | None = None, calibration: Calibration | None = None) -> Verdict:
    return CascadeJudge(rules, calibration).judge(ask(), OWN, verdict_of)


def test_free_checks_come_first() -> None:
    found = judge(answer(-0.001, text=""), calibration=CALIBRATED)
    assert found == Verdict(accept=False, reason="empty_answer")


def test_without_probabilities_an_answer_is_given() -> None:
    assert judge(answer(), calibration=CALIBRATED) == Verdict(accept=True, reason="no_confidence_told")


def test_without_a_calibrator_the_mean_of_the_tokens_decides() -> None:
    found = judge(answer(HALF, 2 * HALF))
    assert (found.accept, found.reason, found.threshold) == (False, "low_logprob", 0.6)
    assert found.confidence == pytest.approx(0.5**1.5)
    assert judge(answer(HALF / 2)).reason == "likely_tokens"
    assert judge(answer(HALF), CascadeRules(min_confidence=0.4)).accept


def test_a_calibrator_of_another_model_says_nothing() -> None:
    assert CascadeJudge(calibration=CALIBRATED).judge(ask(), MID, answer(-2.0)).reason == "low_logprob"


def test_a_calibrated_confidence() -> None:
    low = judge(answer(-2.0), calibration=CALIBRATED)
    assert (low.accept, low.reason, low.threshold) == (False, "low_confidence", 0.5)
    assert low.confidence is not None
    assert 0.1 <= low.confidence <= 0.4
    assert judge(answer(-0.01), calibration=CALIBRATED).reason == "confident"


def test_each_family_of_tasks_has_its_own_calibrator() -> None:
    flat = Isotonic(knots=(-3.0, 0.0), values=(0.0, 0.1), lowest=0.0)
    both = Calibration(confidence=Confidence(models={"own": {"": CURVE, "math": flat}}))
    it = CascadeJudge(calibration=both)
    sums, chat = (
        Question(ask().inference, SetFacts(prompt=Prompt(turns=(Turn("user", text),))))
        for text in ("Solve 12 * 7.", "Tell me of the sea.")
    )
    assert it.judge(sums, OWN, answer(-0.01)).reason == "low_confidence"
    assert it.judge(chat, OWN, answer(-0.01)).reason == "confident"


@pytest.mark.parametrize("calibration", [None, CALIBRATED], ids=["rule of thumb", "calibrated"])
@pytest.mark.parametrize(
    ("logprobs", "accept"),
    [([-2.5] * 16, False), ([-2.5] * 7, True), ([-0.0, -1.7] * 8, True), ([-0.01] * 16, True)],
    ids=["poor", "too short", "may get better", "good"],
)
def test_of_a_beginning_only_what_is_clearly_poor(
    calibration: Calibration | None, logprobs: list[float], accept: bool
) -> None:
    whole = answer(*logprobs)
    beginning = Answer(text="Clause", logprobs=whole.logprobs, whole=False)
    assert judge(beginning, calibration=calibration).accept is accept
    assert judge(whole, calibration=calibration).accept is (max(logprobs) == min(logprobs) == -0.01), (
        "of a whole answer it is known"
    )


@pytest.mark.parametrize(
    ("zone", "doubtful"), [(0.0, False), (0.01, False), (0.5, True)], ids=["off", "too far", "near"]
)
@pytest.mark.parametrize("logprob", [-2.0, -0.5])
def test_what_is_near_the_threshold_is_doubtful(zone: float, doubtful: bool, logprob: float) -> None:
    rules = CascadeRules(grey_zone=zone)
    found = judge(answer(logprob), rules, CALIBRATED)
    assert found.doubtful is doubtful
    assert found == msgspec.structs.replace(judge(answer(logprob), calibration=CALIBRATED), doubtful=doubtful)
    beginning = Answer(text="Clause", logprobs=answer(*[logprob] * 16).logprobs, whole=False)
    assert not judge(beginning, rules, CALIBRATED).doubtful
    assert not judge(answer(logprob), rules).doubtful, "a rule of thumb is not calibrated"
    assert not judge(answer(logprob, text=""), rules, CALIBRATED).doubtful


def test_on_the_threshold_it_is_not_doubtful_where_that_is_off() -> None:
    found = judge(answer(-0.9), CascadeRules(min_confidence=probability(CURVE, -0.9)), CALIBRATED)
    assert (found.accept, found.doubtful) == (True, False)


def test_what_is_not_worth_it_is_not_asked_again() -> None:
    rules = CascadeRules(right_answer_worth=Nano(100), grey_zone=0.5)
    found = CascadeJudge(rules, CALIBRATED, targets=(OWN, MID)).judge(ask({"mid": 95}), OWN, answer(-2.0))
    assert (found.reason, found.doubtful) == ("not_worth_it", False)


def test_whose_threshold_holds() -> None:
    def thresholds(**accept: float) -> Calibration:
        known = Thresholds(tiers=("home", "mid"), shares=(0.5, 0.5), accept=accept)
        return Calibration(confidence=CALIBRATED.confidence, thresholds=known)

    assert judge(answer(-2.0), calibration=thresholds(home=0.05)).accept, "the tier's"
    assert not judge(answer(-0.01), calibration=thresholds(home=0.05, own=0.95)).accept, "the model's own goes first"
    stated = CascadeRules(min_confidence=0.7)
    assert judge(answer(-2.0), stated, thresholds(home=0.05)).threshold == 0.7, "what is configured wins"


@pytest.mark.parametrize("named", ["name", "tier"])
def test_running_it_keeps_the_answers_that_the_promise_was_tested_with(named: str) -> None:
    """Of an own model that tells its doubts and a second one that tells nothing; rows by model or by tier."""
    names = [str(getattr(target, named)) for target in (OWN, MID, TOP)]
    recorded = msgspec.convert(make_rows(3_000, 5, ("a8b", "c-4", "a405b")), list[Row])
    rows = [msgspec.structs.replace(row, models=dict(zip(names, row.models.values(), strict=True))) for row in recorded]
    kept = keep_promise(rows, names, 0.1, 0.9)
    ladder = Ladder(rows, names, kept.calibrators)
    stays = ladder.stays([kept.accept[name] for name in names[:-1]])
    assert len(kept.calibrators.models[names[0]]) > 1, "a family has a curve of its own"
    thresholds = Thresholds(tiers=tuple(names), shares=kept.shares, accept=kept.accept)
    assert len(set(stays.tolist())) > 1
    it = CascadeJudge(calibration=Calibration(confidence=kept.calibrators, thresholds=thresholds))
    for row, stay in zip(rows, stays, strict=True):
        asked, logconf = ask(prompt=row.prompt), row.models[names[0]].logconf
        verdicts = [it.judge(asked, OWN, answer(*[] if logconf is None else [logconf]))]
        verdicts += [it.judge(asked, MID, answer())]
        given = next((place for place, verdict in enumerate(verdicts) if verdict.accept), 2)
        assert given == stay or logconf is None


@pytest.mark.parametrize(("accept", "given"), [(0.7, True), (0.8, False)])
def test_a_model_that_tells_nothing_is_as_likely_right_as_ever(accept: float, given: bool) -> None:
    confidence = Confidence(silent={"home": 0.75}, overall=CURVE)
    thresholds = Thresholds(tiers=("home", "mid"), shares=(0.5, 0.5), accept={"home": accept})
    found = judge(answer(), calibration=Calibration(confidence=confidence, thresholds=thresholds))
    assert (found.accept, found.confidence, found.threshold) == (given, 0.75, accept)


@pytest.mark.parametrize(
    ("cost", "accept", "reason"),
    [(5, False, "low_confidence"), (95, True, "not_worth_it"), (200, True, "not_worth_it")],
)
def test_costs_are_weighed(cost: int, accept: bool, reason: str) -> None:
    """A right answer is worth 100; the answer is right with probability 0.1 to 0.4."""
    rules = CascadeRules(right_answer_worth=Nano(100))
    it = CascadeJudge(rules, CALIBRATED, targets=(OWN, MID, TOP))
    found = it.judge(ask({"mid": cost, "top": 1}), OWN, answer(-2.0))
    assert (found.accept, found.reason) == (accept, reason)


def test_without_a_price_nothing_is_weighed() -> None:
    it = CascadeJudge(CascadeRules(right_answer_worth=Nano(100)), CALIBRATED, targets=(OWN, MID))
    assert it.judge(ask(), OWN, answer(-2.0)).reason == "low_confidence"


@pytest.mark.parametrize("logprob", [0.0, 5.0, 1e308, -1e308])
def test_probabilities_that_are_none(logprob: float) -> None:
    found: Any = mean_probability(answer(logprob, logprob))
    assert 0.0 <= found <= 1.0
    judge(answer(logprob), calibration=CALIBRATED)
