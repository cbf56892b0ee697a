"""What a page says, without its tags, and whether what came from outside is text in it."""

import html
import re

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\u202e{{7*7}} level=error msg=fake"
"""Markup, a terminal's colour, a mark of direction, a template's words and what looks like a line of a log."""


def words(page: bytes) -> str:
    """The text of a page, in one line."""
    text = re.sub(r"<[^>]*>", " ", page.decode())
    return " ".join(html.unescape(text).split())


def check_hostile(page: bytes) -> None:
    """The hostile text is on the page, to be read and nothing else."""
    body = page.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    for raw in ("<script>alert", "<img src=x", "\x1b", "\u202e"):
        assert raw not in body
    assert "{{7*7}}" in html.unescape(body)
    assert "U+001B" in body
