"""What a browser makes of a page: its tags and attributes, and whether there is one that no template of ours has."""

import re
from html.parser import HTMLParser
from pathlib import Path

import homeport.console

_TEMPLATES = Path(homeport.console.__file__).parent / "templates"
_OURS = re.compile(r"/console(?:[/?#]|$)|#")
_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class Page(HTMLParser):
    """A page, read as a browser does.

    Attributes:
        tags: each with the names of its attributes.
        addresses: where it leads, or what it fetches.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, str]] = set()
        self.addresses: list[str] = []
        self.scripts = ""
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.tags |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        self.addresses += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "hx-get", "data-tail")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style"):
            self.scripts += data.strip()

    def handle_comment(self, data: str) -> None:
        self.tags.add(("!--", ""))


def _known() -> set[tuple[str, str]]:
    """Every tag and attribute that is written in a template."""
    text = "".join(path.read_text() for path in _TEMPLATES.glob("*.html"))
    bare = re.sub(r"{%.*?%}|{#.*?#}", " ", re.sub(r"{{.*?}}", "x", text), flags=re.DOTALL)
    return Page(bare).tags


KNOWN = _known()


def check_markup(body: bytes) -> None:
    """Nothing on the page is more than a template of ours says."""
    text = body.decode()
    page = Page(text)
    assert page.tags - KNOWN == set()
    assert page.scripts == ""
    assert [address for address in page.addresses if not _OURS.match(address) or "\\" in address] == []
    assert _NOT_SHOWN.findall(text.replace("\n", " ").replace("\t", " ")) == []
