"""What the configuration says of privacy, as the request path uses it."""

from homeport.config.privacy import PrivacySettings
from homeport.core.ports import Clock
from homeport.pipeline.privacy import PrivacyStage
from homeport.pipeline.taint import Conversations
from homeport.privacy.classes import Classes
from homeport.privacy.classify import Classifier
from homeport.privacy.recognize import load_recognizers


def build_privacy(settings: PrivacySettings, clock: Clock, conversations: Conversations | None = None) -> PrivacyStage:
    """The stage of these settings. Raises ConfigError for a recognizer that is not there.

    Args:
        conversations: what is known of them; by default nothing.
    """
    classes = Classes(settings)
    recognizers = load_recognizers(classes.recognizers)
    classifier = Classifier(recognizers, clock.monotonic_ns, settings.timeout_seconds)
    return PrivacyStage(classes, classifier, conversations or Conversations(None))
