"""The cascade of a process: what looks at the answers of lower tiers, and by which calibration."""

from collections.abc import Sequence

from homeport.config.schema import Settings
from homeport.core.ports import Clock
from homeport.core.types import Target
from homeport.pipeline.aside import Till
from homeport.pipeline.cascade import Cascade, CascadePolicy
from homeport.pipeline.sampling import SamplingPolicy
from homeport.protocols.answers.readings import readings
from homeport.routing.cascade import Calibration, CascadeJudge, CascadeRules

_MIN_CONFIDENCE = "min_confidence"


def build_judge(settings: Settings, calibration: Calibration, targets: Sequence[Target]) -> CascadeJudge:
    """The judge of the configuration, with what the router's version in use was calibrated to."""
    stated = settings.routing.options.get(_MIN_CONFIDENCE)
    rules = CascadeRules(
        min_confidence=float(stated) if isinstance(stated, int | float) else None,
        right_answer_worth=settings.routing.cascade.right_answer_worth,
        grey_zone=settings.routing.cascade.grey_zone,
    )
    return CascadeJudge(rules, calibration, targets)


def cascade_policy(settings: Settings) -> CascadePolicy:
    """How the configuration has answers looked at."""
    chosen = settings.routing.cascade
    return CascadePolicy(
        commit_tokens=chosen.commit_tokens,
        commit_seconds=chosen.commit_seconds,
        sampling=SamplingPolicy(samples=chosen.samples, temperature=chosen.sample_temperature),
    )


def build_cascade(settings: Settings, judge: CascadeJudge, *, till: Till, clock: Clock) -> Cascade:
    return Cascade(till=till, judge=judge, readings=readings(), clock=clock, policy=cascade_policy(settings))
