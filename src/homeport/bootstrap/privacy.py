"""What the configuration says of privacy, as the request path uses it."""

from homeport.config.privacy import PrivacySettings
from homeport.core.ports import Clock
from homeport.pipeline.privacy import PrivacyStage
from homeport.privacy.classes import Classes
from homeport.privacy.classify import Classifier
from homeport.privacy.recognize import load_recognizers


def build_privacy(settings: PrivacySettings, clock: Clock) -> PrivacyStage:
    """The stage of these settings. Raises ConfigError for a recognizer that is not there."""
    classes = Classes(settings)
    recognizers = load_recognizers(classes.recognizers)
    return PrivacyStage(classes, Classifier(recognizers, clock.monotonic_ns, settings.timeout_seconds))
