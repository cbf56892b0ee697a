"""Data classes: what is done with the requests of each, and what is looked for in them.

A request belongs to the classes of its key, of its project and of those above it, and of its header. The strictest
action counts. A class that the configuration does not know is `private`.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from homeport.config.privacy import FindSettings, PrivacySettings
from homeport.core.errors import InvalidRequest
from homeport.core.privacy import Action, Assessment, data_class_of, strictest
from homeport.core.types import DataClass, Key

HEADER = "x-homeport-data-class"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and what follows; `name` is the class that asks for it, "" for every request.

    Attributes:
        find: by the name of a recognizer.
        attachments: what follows from what cannot be read.
    """

    name: str = ""
    find: Mapping[str, Action] = {}
    min_score: float = 0.5
    attachments: Action = Action.ALLOW


class Member(msgspec.Struct, frozen=True):
    """A class that a request belongs to, and why: `key`, `project` or `header`."""

    why: str
    name: str


class Classes:
    """The classes of one configuration; by default `open` and `private` alone."""

    def __init__(self, settings: PrivacySettings | None = None) -> None:
        settings = settings or PrivacySettings()
        self._actions = {"open": Action.ALLOW, "private": Action.LOCAL_ONLY}
        self._actions |= {name: one.action for name, one in settings.classes.items()}
        self._rules = {name: _rules(name, one) for name, one in settings.classes.items()}
        self._everywhere = _rules("", settings)
        self._projects = dict(settings.projects)

    @property
    def names(self) -> tuple[str, ...]:
        """What can be said in a header and of a key."""
        return tuple(self._actions)

    @property
    def recognizers(self) -> frozenset[str]:
        """Whatever any rule names."""
        return frozenset(name for rules in (self._everywhere, *self._rules.values()) for name in rules.find)

    def of(self, key: Key, header: str | None) -> tuple[Member, ...]:
        """The classes of a request but for `open`.

        Raises:
            InvalidRequest: the header is not a data class. Guessing could let private data out.
        """
        said = [Member("key", key.data_class), *self._of_project(key.project)]
        if header is not None:
            said.append(Member("header", self._read(header)))
        known = [Member(one.why, one.name if one.name in self._actions else "private") for one in said]
        return tuple(one for one in known if one.name != "open")

    def said(self, members: Iterable[Member]) -> Assessment:
        """What follows from the classes alone."""
        members = tuple(members)
        if not members:
            return Assessment()
        action = strictest(self._actions[one.name] for one in members)
        why = next((one for one in members if self._actions[one.name] is action), None)
        return Assessment(
            action=action,
            data_class=data_class_of(action),
            classes=tuple(sorted({one.name for one in members})),
            reason=f"{why.why}:{why.name}" if why is not None and action is not Action.ALLOW else "",
        )

    def floor(self, key: Key, header: str | None) -> DataClass:
        """Of what is kept to be sent later, without its header: PRIVATE unless its classes allow everything, and that
        of the header looks for nothing. Raises as `of`."""
        members = self.of(key, header)
        looked_for = any(self._looks(one.name) for one in members if one.why == "header")
        allowed = self.said(members).action is Action.ALLOW and not looked_for
        return DataClass.OPEN if allowed else DataClass.PRIVATE

    def _looks(self, name: str) -> bool:
        rules = self._rules.get(name, Rules())
        return bool(rules.find) or rules.attachments is not Action.ALLOW

    def rules(self, members: Iterable[Member]) -> tuple[Rules, ...]:
        """What is looked for in a request of these classes."""
        names = {one.name for one in members}
        return (self._everywhere, *(rules for name, rules in self._rules.items() if name in names))

    def all_rules(self) -> tuple[Rules, ...]:
        """Whatever is looked for in any request."""
        return (self._everywhere, *self._rules.values())

    def _of_project(self, project: str) -> Iterator[Member]:
        parts = project.split("/")
        for length in range(1, len(parts) + 1) if self._projects else ():
            name = self._projects.get("/".join(parts[:length]))
            if name is not None:
                yield Member("project", name)

    def _read(self, header: str) -> str:
        name = header.strip().lower()
        if name not in self._actions:
            raise InvalidRequest(
                f"the header {HEADER} must be one of: {', '.join(self.names)}", code="invalid_data_class", param=HEADER
            )
        return name


def _rules(name: str, settings: FindSettings) -> Rules:
    return Rules(
        name=name,
        find={recognizer: action for recognizer, action in settings.find.items() if action is not Action.ALLOW},
        min_score=settings.min_score,
        attachments=settings.attachments,
    )
