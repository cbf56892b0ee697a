"""Where a request may go at all, by its classes and by what is in it: before anything of it could leave.

It is assessed once; a configuration that is adopted while it is answered changes nothing for it.
"""

import asyncio
import logging
from functools import partial

from homeport.core.errors import NotPermitted
from homeport.core.privacy import Action, Assessment
from homeport.core.types import Inference, Key
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.redaction import Redaction
from homeport.pipeline.taint import CONVERSATION, Conversations
from homeport.privacy.classes import Classes, Member
from homeport.privacy.classify import Classifier, DetectorFailed, failed
from homeport.privacy.fingerprints import named
from homeport.privacy.redact import Unredactable, first_number, redact
from homeport.privacy.texts import Unreadable
from homeport.telemetry.logs import FIELDS

logger = logging.getLogger(__name__)

_LONG = 65_536
"""Characters of a prompt whose redaction would make other requests wait."""


class PrivacyStage:
    """Assesses requests by one configuration.

    Attributes:
        classes: for what else keeps data of keys.
    """

    def __init__(self, classes: Classes, classifier: Classifier, conversations: Conversations) -> None:
        self.classes = classes
        self._classifier = classifier
        self._conversations = conversations

    def said(self, key: Key, header: str | None) -> Assessment:
        """What follows from a request's key, project and header, before its body is read.

        Raises:
            InvalidRequest: the header names no class.
        """
        return self.classes.said(self.classes.of(key, header))

    async def assess(self, exchange: Exchange) -> None:
        """As `look`, and keep for the conversation's later turns what was found.

        Raises:
            StorageError: it cannot be kept that the conversation is private.
        """
        await self.look(exchange)
        assert exchange.key is not None
        assert exchange.inference is not None
        assert exchange.assessment is not None
        inference, key, assessment = exchange.inference, exchange.key, exchange.assessment
        lasting = {one.name for one in self.classes.of(key, None)}
        settled = lasting.issuperset(assessment.classes)
        exchange.sequel = self._conversations.remember(inference, key, assessment, settled=settled)

    async def look(self, exchange: Exchange) -> None:
        """Look at a request that was decoded; nothing of it is remembered.

        Raises:
            InvalidRequest: the header names no class.
            NotPermitted: content_blocked.
        """
        assert exchange.key is not None
        assert exchange.inference is not None
        key, inference = exchange.key, exchange.inference
        assessment = await self._examined(key, exchange.data_class_header, inference, exchange.request_id)
        if assessment.action is Action.REDACT_AND_RESTORE:
            assessment = await self._redact(exchange, key, inference, assessment)
        exchange.assessment, exchange.data_class = assessment, assessment.data_class
        _check(assessment)

    async def examine(self, key: Key, header: str | None, inference: Inference, request_id: str) -> Assessment:
        """The same for what is no exchange. Raises as `assess`."""
        assessment = await self._examined(key, header, inference, request_id)
        _check(assessment)
        return assessment

    async def _examined(self, key: Key, header: str | None, inference: Inference, request_id: str) -> Assessment:
        members: tuple[Member, ...] = self.classes.of(key, header)
        said = self.classes.said(members)
        try:
            found = await self._classifier.assess(said, self.classes.rules(members), inference.fields)
        except DetectorFailed as error:
            _tell(request_id, error.why)
            found = failed(said)
        return self._conversations.stricter(inference, key, found)

    async def _redact(self, exchange: Exchange, key: Key, inference: Inference, assessment: Assessment) -> Assessment:
        """Prepare what may leave; where that does not work out, nothing may."""
        members = self.classes.of(key, exchange.data_class_header)
        # What an earlier turn was redacted by may not be said in this one.
        again = assessment.reason.startswith(CONVERSATION)
        rules = self.classes.all_rules() if again else self.classes.rules(members)
        first = first_number(named(inference, key.id))
        work = partial(redact, inference.fields, self._classifier.finder(rules), first)
        try:
            is_long = inference.input_chars > _LONG
            redacted = await asyncio.to_thread(work) if is_long else work()
        except (DetectorFailed, Unreadable, Unredactable) as error:
            _tell(exchange.request_id, str(error))
            return failed(assessment)
        if redacted is not None:
            exchange.redaction = Redaction(inference, redacted, exchange.dialect)
        return assessment


def _tell(request_id: str, why: str) -> None:
    told = {"request": request_id, "what": why}
    logger.error("it is not known what a request holds, so it stays at home", extra={FIELDS: told})


def _check(assessment: Assessment) -> None:
    if assessment.action is Action.BLOCK:
        kind, _, name = assessment.reason.partition(":")
        what = f"{name} was found in it" if kind == "content" else f"its data class is {name}"
        raise NotPermitted(
            f"this request may not be answered: {what}",
            code="content_blocked",
            hint="take out what was found, or ask who runs this gateway about the section `privacy`",
        )
