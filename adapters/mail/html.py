"""HTML mail to text: what the writer wrote, without the quoted mail below it."""

import html
import re

import lxml.etree
import lxml.html
from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement

MAX_HTML = 131_072
"""Characters of HTML that are read: half a second when all of it is tags."""

_HIDDEN = {"script", "style", "title", "template", "noscript", "object", "svg", "head"}
_QUOTES = {
    "gmail_quote",
    "gmail_quote_container",
    "gmail_extra",
    "yahoo_quoted",
    "protonmail_quote",
    "moz-cite-prefix",
    "gmail_attr",
    "zmail_extra",
    "x_gmail_quote",
}
_QUOTES_FROM = {"appendonsend", "divrplyfwdmsg", "ms-outlook-mobile-reference-message"}
"""Ids after which everything in the mail is quoted (Outlook)."""
_FLAT = {"table": "div", "tbody": "div", "thead": "div", "tfoot": "div", "tr": "div"}
_CELLS = {"td", "th"}
_TAG = re.compile(r"<[^<>]*>")
_SPACES = re.compile(r"[ \t\u00a0]+")
_BREAKS = re.compile(r"\n{3,}")

# No padding and no margins from inline styles: with them a few bytes buy megabytes of spaces.
_CSS = {
    **STRICT_CSS_PROFILE,
    "ul": HtmlElement(display=Display.block),
    "ol": HtmlElement(display=Display.block),
}


def to_text(source: str, *, quotes: bool = False) -> str:
    """Turn HTML into text; ``quotes`` keeps the quoted mail. Never raises.

    Tables lose their grid: padding one long cell over many rows costs gigabytes.
    """
    try:
        text = _rendered(source[:MAX_HTML], quotes)
    except (lxml.etree.LxmlError, ValueError, RecursionError, AssertionError, LookupError):
        text = ""
    if not text.strip() and quotes:
        text = html.unescape(_TAG.sub(" ", source[:MAX_HTML]))
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BREAKS.sub("\n\n", "\n".join(lines)).strip()


def _rendered(source: str, quotes: bool) -> str:
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    raw = source.replace("\x00", "").encode("utf-8", "replace")
    if not raw.strip():
        return ""
    tree = lxml.html.document_fromstring(raw, parser=parser)
    _prepare(tree, quotes)
    return str(Inscriptis(tree, ParserConfig(css=_CSS)).get_text())


def _prepare(tree: lxml.html.HtmlElement, quotes: bool) -> None:
    """Empty what is not the writer's, and flatten what costs room.

    Answers stand between the quotations of a quoted mail, too: what is around them stays, and a
    quotation leaves the sign of one.
    """
    rest_is_quoted = around = False
    for element in list(tree.iter(lxml.etree.Element)):
        rest_is_quoted = rest_is_quoted or (not quotes and _starts_quote(element))
        if rest_is_quoted:
            element.text = element.tail = None
        elif _hidden(element):
            element.clear(keep_tail=True)
        elif not quotes and (around or _is_quote(element)) and element.tag == "blockquote":
            element.clear(keep_tail=True)
            element.text = ">"
        elif not quotes and _is_quote(element):
            if element.find(".//blockquote") is None:
                element.clear(keep_tail=True)
            else:
                around = True
        else:
            _flatten(element)
        element.attrib.clear()


def _starts_quote(element: lxml.html.HtmlElement) -> bool:
    return (element.get("id") or "").lower().removeprefix("x_") in _QUOTES_FROM


def _hidden(element: lxml.html.HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.tag in _HIDDEN or "display:none" in style


def _is_quote(element: lxml.html.HtmlElement) -> bool:
    classes = set((element.get("class") or "").lower().split())
    cited = element.tag == "blockquote" and element.get("type") == "cite"
    return cited or bool(classes & _QUOTES)


def _flatten(element: lxml.html.HtmlElement) -> None:
    if element.tag in _CELLS:
        element.tag, element.tail = "span", " " + (element.tail or "")
    else:
        element.tag = _FLAT.get(str(element.tag), element.tag)
