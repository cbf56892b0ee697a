"""One request to the console, as its pages see it."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import parse_qs, parse_qsl

import msgspec

from homeport.console.sessions import Session
from homeport.core.audit import Actor, Origin
from homeport.core.errors import InvalidRequest, NotAuthenticated
from homeport.core.people import Role

MOST_FIELDS = 256
Said = TypeVar("Said")


class Form(msgspec.Struct, frozen=True):
    """The fields of a form, each with all that was said."""

    fields: Mapping[str, Sequence[str]] = {}

    def one(self, name: str, default: str = "") -> str:
        """The last that was said, without blanks around it."""
        said = self.fields.get(name)
        return said[-1].strip() if said else default

    def every(self, name: str) -> list[str]:
        """All that was said, without what is empty."""
        return [text for text in self.fields.get(name, ()) if text]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A request.

    Attributes:
        route: its name in the table of `access.py`.
        words: what stands in the path where the route has a name in braces.
        query: the parameters of the URL; of one that is there twice the last counts.
        form: of a POST; {} else.
        token: the cookie; a new one where the browser had none.
        session: None where nobody is signed in.
        csrf: what each form sends back in the field `csrf`.
        now: nanoseconds since the epoch.
        partial: htmx asks, for a part of the page.
    """

    route: str
    path: str
    words: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    token: str
    session: Session | None
    csrf: str
    address: str
    request_id: str
    now: int
    origin: str
    partial: bool = False

    @property
    def user(self) -> Session:
        """Raises NotAuthenticated; the table of routes keeps others from pages that ask."""
        if self.session is None:
            raise NotAuthenticated("sign in first", code="sign_in_needed")
        return self.session

    @property
    def actor(self) -> Actor:
        """Who changes what this request changes."""
        return self.by(self.user.user, self.user.role)

    def by(self, name: str, role: Role) -> Actor:
        """Whoever this request is of, signed in or about to be."""
        return Actor(name=name, origin=Origin.CONSOLE, role=str(role), address=self.address, request_id=self.request_id)

    def asked(self, kind: type[Said]) -> Said:
        """The parameters of the URL as a struct. Raises InvalidRequest."""
        try:
            return msgspec.convert({name: text for name, text in self.query.items() if text}, kind, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidRequest(str(error).replace("$.", "")) from None


def read_form(body: bytes) -> Form:
    """Raises InvalidRequest form_unreadable."""
    try:
        said = parse_qs(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict", separator="&"
        )
        _refuse_nul(body)
    except ValueError:  # UnicodeDecodeError is one
        raise InvalidRequest("the form cannot be read", code="form_unreadable", hint="send it from its page") from None
    return Form(said)


def read_query(query: bytes) -> Mapping[str, str]:
    """Raises InvalidRequest."""
    try:
        said = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        _refuse_nul(query)
    except ValueError:
        raise InvalidRequest("the query of the URL cannot be read", hint="write it as ?name=value&name=value") from None
    return dict(said)


def _refuse_nul(text: bytes) -> None:
    """Raises ValueError: a NUL is in no name, and PostgreSQL takes none."""
    if b"%00" in text or b"\x00" in text:
        raise ValueError("NUL")
