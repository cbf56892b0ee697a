"""The cascade of a process: what looks at the answers of lower tiers, and by which calibration."""

from collections.abc import Sequence

from homeport.config.schema import Settings
from homeport.core.ports import Clock
from homeport.core.types import Target
from homeport.pipeline.aside import Till
from homeport.pipeline.cascade import Cascade, CascadePolicy
from homeport.pipeline.sampling import SamplingPolicy
from homeport.protocols.answers.readings import readings
from homeport.routing.acceptance import Acceptance
from homeport.routing.cascade import Calibration, CascadeJudge, CascadeRules
from homeport.routing.policies.base import Memory
from homeport.routing.thresholds import Thresholds

_MIN_CONFIDENCE = "min_confidence"
_HOLD = "hold"
_POLICY = "cascade"


def build_judge(
    settings: Settings,
    calibration: Calibration,
    targets: Sequence[Target],
    *,
    version: int = 0,
    memory: Memory | None = None,
) -> CascadeJudge:
    """The judge of the configuration, with what the router's version in use was calibrated to."""
    stated = settings.routing.options.get(_MIN_CONFIDENCE)
    rules = CascadeRules(
        min_confidence=float(stated) if isinstance(stated, int | float) else None,
        right_answer_worth=settings.routing.cascade.right_answer_worth,
        grey_zone=settings.routing.cascade.grey_zone,
    )
    acceptance = None
    if _holds_a_split(settings, rules, calibration.thresholds) and calibration.thresholds is not None:
        acceptance = Acceptance(calibration.thresholds, version, memory)
    return CascadeJudge(rules, calibration, targets, acceptance)


def _holds_a_split(settings: Settings, rules: CascadeRules, thresholds: Thresholds | None) -> bool:
    """Whether thresholds move: not under a promise of quality, nor where what is right on is said or weighed."""
    asked = settings.routing.policy == _POLICY and settings.routing.options.get(_HOLD, True) is True
    stated = rules.min_confidence is not None or rules.right_answer_worth is not None
    return asked and not stated and thresholds is not None and thresholds.promise is None and bool(thresholds.accept)


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
