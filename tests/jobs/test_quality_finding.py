"""What is said of a route that became worse, where the same inputs say it."""

from homeport.drift.quality import JUDGE, PAIRS, Mean, RouteSeen, Seen
from homeport.jobs.quality_finding import Samples, finding_of
from homeport.storage.baselines import Check
from homeport.storage.quality_days import RouteName

SAMPLES = Samples(
    route=RouteName("t", "m"),
    since=19_000 * 86_400 * 10**9,
    worst=("r1",),
    checks=[Check(1, 100, 98, 20, 2, 5), Check(2, 50, 50, 9, 0, 5)],
)


def test_inputs_that_were_asked_again_are_counted() -> None:
    finding = finding_of(RouteSeen(e_value=9e9, signals=(Seen(name=PAIRS, e_value=9e9),)), SAMPLES)
    assert finding.sentence == (
        "Answers of t/m are worse since 2022-01-08: "
        "of inputs asked again, 29 are answered worse than before and 2 better"
    )
    [evidence] = finding.evidence
    assert (evidence.before, evidence.now) == ("148 inputs", "29 worse, 2 better")
    assert finding.examples == ("r1",)


def test_the_judge_says_it_with_its_means() -> None:
    seen = Seen(name=JUDGE, e_value=1e6, before=Mean(0.8, 0.78, 0.82, 900.0), now=Mean(0.7, 0.67, 0.73, 1000.0), days=7)
    finding = finding_of(RouteSeen(e_value=4e5, signals=(seen,)), SAMPLES)
    assert finding.sentence.endswith("the judge gives 0.700 on average, 0.800 before")
    assert finding.evidence[0].now == "0.700 (0.670 to 0.730), of 1,000 judged"
