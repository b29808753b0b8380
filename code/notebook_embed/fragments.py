"""HTML of notebooks, made fit to stand in a page: balanced, with addresses that hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import escape, unescape
from xml.etree import ElementTree as etree  # noqa: N813 - its name in Markdown's own code

from markdown.util import AtomicString

from notebook_embed.page_parser import PageParser

__all__ = [
    "SETTLED",
    "VOID",
    "add_fragment",
    "candidates",
    "readdressed",
    "renamed",
    "settle",
    "to_the_letter",
]

#: Attributes that hold an address, whatever has them.
ADDRESSES = frozenset(("href", "src", "poster", "xlink:href"))
#: Those that hold one on these elements, and something else on others.
ADDRESSES_OF = {
    "object": frozenset(("data",)),
    "form": frozenset(("action",)),
    "button": frozenset(("formaction",)),
    "input": frozenset(("formaction",)),
    "nb-figure": frozenset(("data-plotly", "data-source", "data-script")),
}
# A picture of a `srcset` (HTML standard, 4.8.4.2.1): commas inside of an address are part of it.
CANDIDATE = re.compile(
    r"(?P<before>[\s,]*)(?P<address>[^\s,](?:\S*[^\s,])?)(?P<after>,+|(?:\([^)]*\)?|[^,(])*)"
)
VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
# What ends an open paragraph, by the standard; and what a new element of its kind ends.
ENDS_P = frozenset(
    "address article aside blockquote center details dialog div dl fieldset figcaption figure "  # noqa: SIM905
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr main nav ol p pre section table ul".split()
)
SIBLINGS = {
    "li": ({"li"}, {"ul", "ol"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr", "td", "th"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "tbody": ({"thead", "tbody", "tr", "td", "th"}, {"table"}),
    "thead": ({"thead", "tbody", "tr", "td", "th"}, {"table"}),
    "option": ({"option"}, {"select"}),
}
# What is taken over as it is: no text of the page, or with rules of its own.
AS_IT_IS = frozenset(
    "audio canvas iframe math noscript object picture pre script select style svg template "  # noqa: SIM905
    "textarea video".split()
)
# What names other elements by their ids, be it one or several (HTML standard; WAI-ARIA 1.2, 6.7).
ID_REFERENCES = frozenset(
    "for form headers itemref list popovertarget commandfor "  # noqa: SIM905
    "aria-activedescendant aria-controls aria-describedby aria-details aria-errormessage "
    "aria-flowto aria-labelledby aria-owns".split()
)
# Tags as browsers read them (HTML standard, 13.2.5): a quote counts at the start of a value alone.
ATTRIBUTE = re.compile(
    r"(?P<before>(?P<name>[^\s/>=]+)\s*=\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"'>][^\s>]*)"
)
REST = (
    r"(?:[\s/]++|(?>[^\s/>=]+)(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>][^\s>]*|(?=>))|(?!\s*=)))*+"
)
COMMENT = r"(?P<comment><!--(?:-?>|.*?(?:--!?>|(?P<unended>$))))"
DECLARED = r"|(?P<declared><!doctype\b[^>]*>|<\?xml\b[^>]*>)"
# Elements whose content is text up to their end tag.
RAW = rf"""|<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes)(?=[\s/>]){REST}>
(?P<text>.*?)(?:</(?P=raw)(?=[\s/>])[^>]*>|$)"""
ANY = rf"|<(?P<end>/?)(?P<name>[a-z][a-z0-9:-]*){REST}>"
LESS = r"|<"  # no tag, or half of one, which would take in what follows
TAG = re.compile(COMMENT + DECLARED + RAW.replace("\n", "") + ANY + LESS, re.S | re.I)
# Inside of drawings and formulas scripts and styles are elements as any other.
CDATA = r"|(?P<cdata><!\[CDATA\[.*?\]\]>)"
FOREIGN_TAG = re.compile(COMMENT + DECLARED + CDATA + ANY + LESS, re.S | re.I)
FOREIGN = {"svg": True, "math": True, "foreignobject": False, "desc": False, "title": False}
# What ends a drawing or formula around it.
BREAKS_OUT = frozenset(
    "b big blockquote br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 hr i img li listing "  # noqa: SIM905
    "menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
# Of a whole document: in a page of ours, they would change the page's own.
OF_A_DOCUMENT = frozenset(("html", "head", "body", "frame", "frameset"))

# MkDocs resolves every `a` and `img`, and wants each `a` to be a link.
SETTLED = "settled-"

Address = Callable[[str], str]


def readdressed(content: str, address: Address) -> str:
    """Return HTML with each address as `address` has it, and all that is open closed.

    What stands between the tags stays as it is, to the letter.
    """
    open_: list[str] = []

    def closed(at: int) -> str:
        """Close what is open from that depth on: what is left open goes on in what follows."""
        ends = "".join(f"</{name}>" for name in reversed(open_[at:]))
        del open_[at:]
        return ends

    def tag(found: re.Match[str], *, foreign: bool) -> str:
        if found["comment"]:
            return found[0] if found["unended"] is None else found[0] + "-->"
        if found["declared"]:
            return ""
        if foreign and found["cdata"]:
            return found[0]
        if not foreign and found["raw"]:
            opening, text = found[0][: found.start("text") - found.start()], found["text"]
            if "<script" in text.lower():
                text = text.replace("<!--", r"\u003c!--")  # else no end tag would end it
            return f"{_with_addresses(opening, address)}{text}</{found['raw']}>"
        name = (found["name"] or "plaintext").lower()
        if name == "plaintext":
            return escape(found[0], quote=False)
        if name in OF_A_DOCUMENT and not foreign:
            return ""
        if found["end"]:
            if name in VOID or name not in open_:
                return ""  # it would close what is around this piece
            depth = len(open_) - 1 - open_[::-1].index(name)
            inner = closed(depth + 1)
            open_.pop()
            return inner + found[0]
        ended = ""
        if foreign and name in BREAKS_OUT:
            pages_own = [n for n, element in enumerate(open_) if FOREIGN.get(element) is False]
            start = max(pages_own, default=-1) + 1
            ended = closed(next(n for n in range(start, len(open_)) if open_[n] in FOREIGN))
            foreign = False
        if not foreign:
            if name in SIBLINGS:
                ended += closed(_ended(open_, *SIBLINGS[name]))
            if name in ENDS_P and open_[-1:] == ["p"]:
                open_.pop()
        if not (name in VOID or ((foreign or name in FOREIGN) and found[0].endswith("/>"))):
            open_.append(name)
        return ended + _with_addresses(found[0], address)

    parts: list[str] = []
    at = 0
    while True:
        foreign = next((FOREIGN[name] for name in reversed(open_) if name in FOREIGN), False)
        found = (FOREIGN_TAG if foreign else TAG).search(content, at)
        if found is None:
            return "".join((*parts, content[at:], closed(0)))
        parts += content[at : found.start()], tag(found, foreign=foreign)
        at = found.end()


def _ended(open_: list[str], siblings: set[str], holders: set[str]) -> int:
    """Return the depth from which on a new element ends all, inside of what holds both."""
    start = max((n for n, name in enumerate(open_) if name in holders), default=-1) + 1
    return start if any(name in siblings for name in open_[start:]) else len(open_)


def _with_addresses(tag: str, address: Address) -> str:
    element = _element(tag)

    def attribute(found: re.Match[str]) -> str:
        name, written = found["name"].lower(), found["value"]
        quote = written[0] if written[0] in "\"'" else ""
        value = unescape(written.strip(quote) if quote else written)
        made = _addressed(element, name, value, address)
        if made == value:
            return found[0]
        return f'{found["before"]}"{escape(made)}"'

    return ATTRIBUTE.sub(attribute, tag)


def _element(tag: str) -> str:
    """Return the name of an opening tag's element; figures of this package have their own."""
    name = re.split(r"[\s/>]", tag[1:], maxsplit=1)[0].lower()
    return "nb-figure" if name == "figure" and "nb-figure" in tag else name


def _addressed(element: str, name: str, value: str, address: Address) -> str:
    if name in ("srcset", "imagesrcset"):
        return candidates(value, address)
    holds_one = name in ADDRESSES or name in ADDRESSES_OF.get(element, ())
    return address(value.strip()) if holds_one and value.strip() else value


def candidates(srcset: str, address: Address) -> str:
    """Return the value of a `srcset` with each address as `address` has it."""
    return CANDIDATE.sub(
        lambda found: found["before"] + address(found["address"]) + found["after"], srcset
    )


def to_the_letter(text: str) -> AtomicString:
    """Return text for an element or an attribute, whose signs are those that it has.

    Markdown writes ``&lt;`` in a page as it is, so readers would see what it names.
    """
    return AtomicString(text.replace("&", "&amp;"))


def add_fragment(
    parent: etree.Element,
    content: str,
    *,
    address: Address,
    named: Callable[[str], str],
    keep: Callable[[etree.Element, str], None],
    allowed: Callable[[str, str, str], bool] | None = None,
) -> list[etree.Element]:
    """Add HTML to `parent` as elements, out of reach of patterns for text.

    Returned are its links to places in the page. Links and images are elements of a name of their
    own until `settle` has seen them, for their addresses are final.

    Parameters
    ----------
    address : returns what an address in `content` becomes.
    named : returns what an id becomes; references to it inside of `content` follow.
    keep : adds HTML that shall stay as it is to an element.
    allowed : tells of an element's attribute and its value whether it stays; all do without it.
    """
    builder = _Builder(parent, address, keep)
    builder.feed(content)
    builder.close()
    for element in builder.made if allowed else ():
        for name, value in list(element.items()):
            if not allowed(_tag(element), name, value):  # type: ignore[misc]
                del element.attrib[name]
    ids = renamed(builder.made, named)
    links = []
    for element in builder.made:
        href = element.get("href", "")
        if len(href) > 1 and href[0] == "#":
            element.set("href", "#" + ids.get(href[1:], href[1:]))
            links.append(element)
        for name, value in element.items():
            if not _is_settled_later(element, name):
                element.set(name, to_the_letter(value))
    return links


def _is_settled_later(element: etree.Element, name: str) -> bool:
    """Tell whether an attribute is an address that MkDocs is to resolve."""
    return str(element.tag).startswith(SETTLED) and name in ("href", "src")


def renamed(elements: Iterable[etree.Element], named: Callable[[str], str]) -> dict[str, str]:
    """Give ids, and the names of groups and maps, others; return these by what they were.

    What belongs together within `elements` still does; links are left to who knows where to.
    """
    elements = list(elements)
    names: dict[str, str] = {}

    def rename(element: etree.Element, attribute: str) -> None:
        if own := element.get(attribute):
            names[own] = names.get(own) or named(own)
            element.set(attribute, names[own])

    for element in elements:
        rename(element, "id")
        grouped = element.tag == "input" and element.get("type", "").lower() == "radio"
        if grouped or element.tag in ("details", "map"):
            rename(element, "name")
    for element in elements:
        for attribute, target in list(element.items()):
            if attribute in ID_REFERENCES:
                element.set(attribute, _with_names(target, names))
            elif attribute == "usemap" and target[1:] in names:
                element.set(attribute, f"#{names[target[1:]]}")
    return names


def _with_names(target: str, names: Mapping[str, str]) -> str:
    """Return an id, or ids between spaces, under the names that they have now."""
    if target in names:
        return names[target]
    return re.sub(r"\S+", lambda found: names.get(found[0], found[0]), target)


def settle(root: etree.Element) -> None:
    """Give links and images of fragments their names."""
    for element in root.iter():
        if str(element.tag).startswith(SETTLED):
            for name in filter(partial(_is_settled_later, element), element.keys()):
                element.set(name, to_the_letter(element.get(name, "")))
            element.tag = str(element.tag).removeprefix(SETTLED)
        if element.get("class", "").split()[:1] == ["nb-picture"]:
            # Markdown gives attributes to what it takes for the image.
            for name in ("width", "height", "loading", "align"):
                if (value := element.attrib.pop(name, None)) is not None:
                    for image in element:
                        image.attrib.pop("height", None) if name == "width" else None
                        image.set(name, value)


def _tag(element: etree.Element) -> str:
    return str(element.tag).removeprefix(SETTLED)


class _Builder(PageParser):
    """Builds elements: what is open at the end is closed, what closes nothing is passed over."""

    def __init__(
        self, parent: etree.Element, address: Address, keep: Callable[[etree.Element, str], None]
    ) -> None:
        super().__init__()
        self.stack, self.address, self.keep = [parent], address, keep
        self.made: list[etree.Element] = []
        self.raw: list[str] = []  # of an element that is taken over as it is
        self.raw_open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = self.get_starttag_text() or ""
        if self.raw_open or tag in AS_IT_IS:
            self.raw.append(_with_addresses(written, self.address))
            if tag not in VOID and not written.endswith("/>"):
                self.raw_open.append(tag)
            self._end_raw()
            return
        self._imply(tag)
        name = SETTLED + tag if tag in ("a", "img") else tag
        element = etree.SubElement(self.stack[-1], name)
        for name, value in attrs:
            made = _addressed(_element(written), name, value or "", self.address)
            element.set(name, made)
        self.made.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # HTML has no such thing outside of SVG and MathML

    def handle_endtag(self, tag: str) -> None:
        if self.raw_open:
            if tag in self.raw_open:
                while True:
                    self.raw.append(f"</{(name := self.raw_open.pop())}>")
                    if name == tag:
                        break
                self._end_raw()
            return
        if tag in map(_tag, self.stack[1:]):
            while _tag(self.stack.pop()) != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.raw_open:
            as_it_is = self.raw_open[-1] in ("script", "style")
            self.raw.append(data if as_it_is else escape(data, quote=False))
            return
        parent, text = self.stack[-1], to_the_letter(data)
        if len(parent):
            parent[-1].tail = AtomicString((parent[-1].tail or "") + text)
        else:
            parent.text = AtomicString((parent.text or "") + text)

    def handle_comment(self, data: str) -> None:
        if self.raw_open:
            self.raw.append(f"<!--{data}-->")
        else:
            self.keep(self.stack[-1], readdressed(f"<!--{data}-->", str))

    def close(self) -> None:
        super().close()
        while self.raw_open:
            self.raw.append(f"</{self.raw_open.pop()}>")
        self._end_raw()

    def _end_raw(self) -> None:
        if self.raw and not self.raw_open:
            self.keep(self.stack[-1], readdressed("".join(self.raw), str))
            self.raw = []

    def _imply(self, tag: str) -> None:
        """Close what `tag` closes without a word."""
        if tag in ENDS_P and self.stack[-1].tag == "p" and len(self.stack) > 1:
            self.stack.pop()
        if tag in SIBLINGS:
            siblings, holders = SIBLINGS[tag]
            names = [_tag(element) for element in self.stack]
            start = max((n for n, name in enumerate(names) if n and name in holders), default=0)
            if any(name in siblings for name in names[start + 1 :]):
                del self.stack[start + 1 :]
