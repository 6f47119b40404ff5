"""XMP packets: where their values stand, so that all else keeps its bytes when some change.

[XMP specification, part 1, section 7: RDF in XML]
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

__all__ = ["Packet", "Span", "Value", "spliced"]

MOST_BYTES = 1 << 24
MOST_NODES = 1 << 17  # elements and attributes
DEEPEST = 500  # elements within elements

TAG = re.compile(rb"<[^\s/>]+((?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>")
ATTRIBUTE = re.compile(rb"\s+([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
XMLNS = "xmlns:"
ITEM = "rdf:li"

Span = tuple[int, int]


class Value(NamedTuple):
    """The text of an attribute, or of an element without elements in it."""

    name: str
    """With the usual prefix of its name space, such as tiff:Orientation; x:Name[2] of an item."""
    text: str
    span: Span
    """Of the text."""
    owner: int
    """The number of the element that it is a property of."""


@dataclass
class _Element:
    name: str
    number: int
    start: int
    text: int
    """Where its content begins."""
    is_empty: bool
    prefixes: Mapping[str, str]
    parts: int = 0
    """Elements in it, so far."""


@dataclass
class Packet:
    """A packet whose name spaces have usual prefixes.

    What is in an element that goes has no span here.

    Attributes
    ----------
    data : bytes
    usual : mapping
        The usual prefix, by name space.
    goes : callable
        Whether values and elements of a name are to go.

    Raises
    ------
    ValueError
        If it is not well-formed, has a document type, or is larger than a sane one.
    """

    data: bytes
    usual: Mapping[str, str]
    goes: Callable[[str], bool]
    values: list[Value] = field(default_factory=list, init=False)
    gone: list[Span] = field(default_factory=list, init=False)
    """Of what is to go."""
    gone_values: list[tuple[str, str]] = field(default_factory=list, init=False)
    """Name and text of what is to go."""
    _open: list[_Element] = field(default_factory=list, init=False, repr=False)
    _nodes: int = field(default=0, init=False, repr=False)
    _within: int = field(default=0, init=False, repr=False)
    """How many of the open elements go."""

    def __post_init__(self) -> None:
        """Read the packet."""
        if len(self.data) > MOST_BYTES:
            raise ValueError(f"over {MOST_BYTES:,} bytes")
        self._parser = parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse  # so that there are no entities
        try:
            parser.Parse(self.data.rstrip(b"\0"), True)
        except expat.ExpatError as error:
            raise ValueError(str(error)) from error

    def _start(self, name: str, _: object) -> None:
        start = self._parser.CurrentByteIndex
        tag = TAG.match(self.data, start)
        if tag is None or len(self._open) == DEEPEST:
            raise ValueError("not in UTF-8, or too deep")
        parent = self._open[-1] if self._open else None
        attributes = [*ATTRIBUTE.finditer(self.data, *tag.span(1))]
        self._nodes += 1 + len(attributes)
        if self._nodes > MOST_NODES:
            raise ValueError(f"over {MOST_NODES:,} elements")
        prefixes = _with_declared(parent.prefixes if parent else {}, attributes)
        known = self._usual(name, prefixes)
        if parent is not None and name == ITEM and len(self._open) > 1:
            known = f"{self._open[-2].name}[{parent.parts}]"
        if parent is not None:
            parent.parts += 1
        number = self._nodes
        opened = _Element(known, number, start, tag.end(), bool(tag[2]), prefixes)
        self._open.append(opened)
        self._within += self.goes(known)
        for found in attributes:
            self._attribute(found, opened)

    def _attribute(self, found: re.Match[bytes], owner: _Element) -> None:
        raw, which = found[1].decode(), 2 if found[2] is not None else 3
        text = found[which].decode()
        if raw.startswith(XMLNS):
            is_gone = self.goes(self.usual.get(text, text) + ":")
        else:
            name = self._usual(raw, owner.prefixes)
            is_gone = self.goes(name)
            if is_gone:
                self.gone_values.append((name, text))
            elif not self._within:
                self.values.append(Value(name, text, found.span(which), owner.number))
        if is_gone and not self._within:
            self.gone.append(found.span())

    def _end(self, _: str) -> None:
        closed, place = self._open.pop(), self._parser.CurrentByteIndex
        end = closed.text if closed.is_empty else self.data.index(b">", place) + 1
        is_simple = not closed.parts and not closed.is_empty
        text = self.data[closed.text : place].decode() if is_simple else ""
        if self.goes(closed.name):
            self.gone_values.append((closed.name, text))
            self._within -= 1
            if not self._within:
                self.gone.append((closed.start, end))
        elif is_simple and self._open and not self._within:
            owner = self._open[-1].number
            self.values.append(Value(closed.name, text, (closed.text, place), owner))

    def _usual(self, name: str, prefixes: Mapping[str, str]) -> str:
        """Return a name with the usual prefix of its name space."""
        prefix, _, local = name.rpartition(":")
        space = prefixes.get(prefix)
        return name if space is None else f"{self.usual.get(space, space)}:{local}"


def _with_declared(
    prefixes: Mapping[str, str], attributes: list[re.Match[bytes]]
) -> Mapping[str, str]:
    """Return name spaces by prefix, with those that an element's attributes declare."""
    declared = {
        found[1].decode().removeprefix(XMLNS): (found[2] or found[3] or b"").decode()
        for found in attributes
        if found[1].startswith(XMLNS.encode())
    }
    return {**prefixes, **declared} if declared else prefixes


def _refuse(*_: object) -> None:
    raise ValueError("has a document type")


def spliced(data: bytes, edits: Mapping[Span, bytes]) -> bytes:
    """Return bytes of which some were replaced."""
    parts, place = [], 0
    for (start, end), text in sorted(edits.items()):
        parts += [data[place:start], text]
        place = end
    return b"".join([*parts, data[place:]])
