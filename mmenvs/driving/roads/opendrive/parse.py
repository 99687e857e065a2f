"""Reads XML into nodes that know their line, and refuses what an OpenDRIVE file has no business to hold.

Only the standard library's expat is used.  Its tree builders drop the line numbers, which are what a
person needs who mends a map of 10,000 lines.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.parsers import expat

from mmenvs.driving.roads.network import RoadError

#: Elements that say nothing about the plane roads that are built here; they are not even kept.
_SKIPPED = frozenset({"userData", "include", "dataQuality", "elevationProfile", "lateralProfile", "surface"})
_DEEPEST = 64  # levels of elements; OpenDRIVE needs about ten
_LARGEST = 1e9  # any number beyond this is a slip of the writer, and would overflow in a cubic
_MOST_WARNINGS = 100


class RoadWarning(UserWarning):
    """Something in a map was wrong and was replaced by the fallback that the message names."""


class Source:
    """Where nodes come from: the name of the file, and what was found wrong with it so far.

    Attributes:
        name: Name of the file, for messages.
        warnings: Messages, in the order in which they were found.
    """

    def __init__(self, name: str) -> None:
        """Start without warnings."""
        self.name = name
        self.warnings: list[str] = []
        self._more = 0

    def warn(self, message: str) -> None:
        """Keep a message once; beyond a hundred of them only their number is kept."""
        if message in self.warnings:
            return
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(message)
        else:
            self._more += 1

    def messages(self) -> list[str]:
        """Return the messages, and how many more there were."""
        rest = [f"{self.name}: {self._more} more warnings are not shown"] if self._more else []
        return self.warnings + rest


class Node:
    """An XML element.

    Attributes:
        tag: Its name, without a namespace.
        line: Line on which it begins, from 1.
        where: The road, junction or controller that it belongs to, such as ``"road 12"``; may be empty.
        attributes: Its attributes.
        children: Elements directly within it.
        source: Where it comes from.
    """

    __slots__ = ("attributes", "children", "line", "source", "tag", "where")

    def __init__(self, tag: str, attributes: dict[str, str], line: int, where: str, source: Source) -> None:
        """Start without children."""
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.where = where
        self.source = source
        self.children: list[Node] = []

    def all(self, *path: str) -> list[Node]:
        """Return every element at a path of tags below this one."""
        found = [self]
        for tag in path:
            found = [child for node in found for child in node.children if child.tag == tag]
        return found

    def first(self, *path: str) -> Node | None:
        """Return the first element at a path of tags, or None."""
        found = self.all(*path)
        return found[0] if found else None

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute without surrounding blanks, or the default where it is absent."""
        return self.attributes.get(name, default).strip()

    def number(self, name: str, default: float | None = None) -> float:
        """Return an attribute that shapes the road.

        Args:
            name: Name of the attribute.
            default: Value where it is absent; None if it must be there.

        Raises:
            RoadError: If it is missing, is no number, is not finite or is absurdly large.
        """
        text = self.attributes.get(name)
        if text is None:
            if default is None:
                raise self.error(f"<{self.tag}> has no {name}")
            return default
        value = _number(text)
        if value is None:
            raise self.error(f'<{self.tag}> has {name}="{_short(text)}", which must be a finite number')
        return value

    def soft_number(self, name: str, default: float) -> float:
        """Return an attribute that shapes no road; where it is no number, warn and take the default."""
        text = self.attributes.get(name)
        if text is None or not text.strip():
            return default
        value = _number(text)
        if value is None:
            self.warn(f'<{self.tag}> has {name}="{_short(text)}", which is no number; {default:g} is taken')
            return default
        return value

    def integer(self, name: str) -> int:
        """Return an attribute that is a whole number.

        Raises:
            RoadError: If it is missing or is something else.
        """
        value = self.number(name)
        if value != int(value):
            raise self.error(f'<{self.tag}> has {name}="{_short(self.text(name))}", which must be an integer')
        return int(value)

    def error(self, message: str) -> RoadError:
        """Return an error that names the file, the line and the road."""
        return RoadError(self.place(message))

    def warn(self, message: str) -> None:
        """Keep a warning that names the file, the line and the road."""
        self.source.warn(self.place(message))

    def place(self, message: str) -> str:
        """Prefix a message with the file, the line and the road."""
        where = f", {self.where}" if self.where else ""
        return f"{self.source.name}, line {self.line}{where}: {message}"


def parse(path: Path) -> Node:
    """Read an OpenDRIVE file.

    Args:
        path: The file.

    Returns:
        The root element.

    Raises:
        RoadError: If it is empty, is not XML, is cut off, declares a document type or entities, or is not
            OpenDRIVE.
        OSError: If it cannot be read.
    """
    source = Source(path.name)
    data = path.read_bytes()
    if not data.strip():
        raise RoadError(f"{path.name}, line 1: the file is empty")
    root = _Builder(source).build(data)
    if root.tag != "OpenDRIVE":
        raise root.error(f"the root element is <{_short(root.tag)}>, must be <OpenDRIVE>")
    return root


class _Builder:
    """Turns expat's events into nodes."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._root: Node | None = None
        self._open: list[Node] = []
        self._skipping = 0
        self._parser: Any = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        # Without a document type there are no entities, hence none that expand without bound.
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def build(self, data: bytes) -> Node:
        """Parse the whole file."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise RoadError(
                f"{self._source.name}, line {error.lineno}: not well-formed XML: {reason}"
            ) from None
        except (LookupError, ValueError) as error:
            if isinstance(error, RoadError):
                raise
            # expat asks Python for encodings that it does not know itself.
            line = self._parser.CurrentLineNumber
            raise RoadError(f"{self._source.name}, line {line}: not readable as XML: {error}") from None
        assert self._root is not None
        return self._root

    def _refuse(self, *_: object) -> None:
        line = self._parser.CurrentLineNumber
        raise RoadError(f"{self._source.name}, line {line}: a document type or entity is declared; refused")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if self._skipping or (self._open and tag in _SKIPPED):
            self._skipping += 1
            return
        above = self._open[-1] if self._open else None
        where = above.where if above else ""
        if len(self._open) == 1 and tag in ("road", "junction", "controller"):
            where = f"{tag} {_short(attributes.get('id', '?'))}"
        node = Node(tag, attributes, self._parser.CurrentLineNumber, where, self._source)
        if len(self._open) >= _DEEPEST:
            raise node.error(f"elements are nested deeper than {_DEEPEST} levels")
        if above is None:
            self._root = node
        else:
            above.children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        if self._skipping:
            self._skipping -= 1
        else:
            self._open.pop()


def _number(text: str) -> float | None:
    """Return a finite number of sensible size, or None; Python's ``1_000`` is not one of XML's."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= _LARGEST and "_" not in text else None


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
