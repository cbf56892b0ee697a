"""Where a request may go at all, by its classes and by what is in it: before anything of it could leave.

It is assessed once; a configuration that is adopted while it is answered changes nothing for it.
"""

import logging
from collections.abc import Callable

import msgspec

from homeport.core.errors import NotPermitted
from homeport.core.privacy import Action, Assessment, data_class_of
from homeport.core.types import Inference, Key
from homeport.pipeline.exchange import Exchange
from homeport.privacy.classes import Classes, Member
from homeport.privacy.classify import Classifier, DetectorFailed, failed
from homeport.privacy.recognize import Finding
from homeport.privacy.texts import Text
from homeport.telemetry.logs import FIELDS

logger = logging.getLogger(__name__)


class PrivacyStage:
    """Assesses requests by one configuration.

    Attributes:
        classes: for what else keeps data of keys.
    """

    def __init__(self, classes: Classes, classifier: Classifier) -> None:
        self.classes = classes
        self._classifier = classifier

    def said(self, key: Key, header: str | None) -> Assessment:
        """What follows from a request's key, project and header, before its body is read.

        Raises:
            InvalidRequest: the header names no class.
        """
        return self.classes.said(self.classes.of(key, header))

    async def assess(self, exchange: Exchange) -> None:
        """Look at a request that was decoded, and keep what is found out in it.

        Raises:
            InvalidRequest: the header names no class.
            NotPermitted: content_blocked.
        """
        assert exchange.key is not None
        assert exchange.inference is not None
        header = exchange.data_class_header
        assessment = await self._examined(exchange.key, header, exchange.inference, exchange.request_id)
        exchange.assessment, exchange.data_class = assessment, assessment.data_class
        _check(assessment)

    async def examine(self, key: Key, header: str | None, inference: Inference, request_id: str) -> Assessment:
        """The same for what is no exchange. Raises as `assess`."""
        assessment = await self._examined(key, header, inference, request_id)
        _check(assessment)
        return assessment

    def finder(self, key: Key, header: str | None) -> Callable[[Text], list[Finding]]:
        """Finds what the rules for such a request are about. Raises as `said`; when it is used, DetectorFailed."""
        return self._classifier.finder(self.classes.rules(self.classes.of(key, header)))

    async def _examined(self, key: Key, header: str | None, inference: Inference, request_id: str) -> Assessment:
        members: tuple[Member, ...] = self.classes.of(key, header)
        said = self.classes.said(members)
        try:
            found = await self._classifier.assess(said, self.classes.rules(members), inference.fields)
        except DetectorFailed as error:
            told = {"request": request_id, "what": error.why}
            logger.error("it is not known what a request holds, so it stays at home", extra={FIELDS: told})
            found = failed(said)
        return _without_redaction(found)


def _without_redaction(assessment: Assessment) -> Assessment:
    """What would have to be redacted stays at home."""
    if assessment.action is not Action.REDACT_AND_RESTORE:
        return assessment
    data_class = data_class_of(Action.LOCAL_ONLY)
    return msgspec.structs.replace(assessment, action=Action.LOCAL_ONLY, data_class=data_class)


def _check(assessment: Assessment) -> None:
    if assessment.action is Action.BLOCK:
        kind, _, name = assessment.reason.partition(":")
        what = f"{name} was found in it" if kind == "content" else f"its data class is {name}"
        raise NotPermitted(
            f"this request may not be answered: {what}",
            code="content_blocked",
            hint="take out what was found, or ask who runs this gateway about the section `privacy`",
        )
