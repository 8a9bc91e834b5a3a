"""Text that is safe to show: HTML and SVG in which everything that is not marked as markup is escaped, and lines for a
terminal in which nothing is a command to it.
"""

from __future__ import annotations

import re
from html import escape

__all__ = ["Attribute", "Markup", "breakable", "element", "join", "number", "printable", "printable_lines"]

EMPTY = {"br", "circle", "input", "line", "path", "polygon", "polyline", "rect", "wbr"}
"""Elements that may stand without an end tag when they hold nothing."""

# Control characters but for the tab, line separators, marks that turn the direction of writing, halves of characters.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

Attribute = str | float | bool | None


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: Attribute) -> Markup:
    """An element; `content` and the values of attributes are escaped, unless the content is `Markup`.

    Attribute names are written with "_" for "-" and without one at the end, `kind` for "class"; None and False leave an
    attribute out.
    """
    words = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        spelt = "class" if name == "kind" else name.rstrip("_").replace("_", "-")
        shown = "" if value is True else number(value) if isinstance(value, float) else escape(str(value))
        words.append(f'{spelt}="{shown}"')
    inside = join(*content)
    head = " ".join(words)
    return Markup(f"<{head}>{inside}</{tag}>" if inside or tag not in EMPTY else f"<{head}/>")


def join(*content: str) -> Markup:
    """One after the other, escaped where it is not markup."""
    return Markup("".join(each if isinstance(each, Markup) else escape(each, quote=False) for each in content))


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores and slashes."""
    return Markup(re.sub(r"[_/]", r"\g<0><wbr/>", escape(name, quote=False)))


def number(value: float) -> str:
    """At most one digit after the point: of a drawing's units a tenth cannot be seen."""
    return f"{value:.1f}".removesuffix(".0")


def printable(text: str) -> str:
    r"""`text` as one line that a terminal shows and does not obey: control characters are escaped, as in ``\x1b``."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_lines(text: str) -> str:
    """`printable` for each line of `text`."""
    return "\n".join(map(printable, text.split("\n")))
