"""Notes that are read where their marks stand: found on this page or on a later one, and then passed over there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pockettts.text.mapped import word_set
from pockettts.text.source.markup import XML, Element, elements, local, plain_text

NOTE_BODIES = word_set("p li dd div aside section tr")
"""Elements that can hold a note."""

LONGEST_NOTE = 5_000
"""In characters; what is longer is no note, but a page that a link leads to."""

_KEPT_PAGES = 2


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its page, its element, and the number of that in the page, as `Place.element` counts."""

    path: str
    element: Element
    number: int


class NoteFinder:
    """Finds notes by the page and the id that a mark names. `load` returns the tree of a page; None for none."""

    def __init__(self, load: Callable[[str], Element | None]) -> None:
        self._load = load
        self._pages: dict[str, tuple[dict[str, Element], dict[Element, int]]] = {}
        self._passed: set[str] = set()
        self._spoken: set[tuple[str, int]] = set()

    def open_page(self, path: str, root: Element) -> None:
        """Begin to read a page."""
        self._pages.pop(path, None)
        self._load_here = (path, root)

    def leave_page(self, path: str) -> None:
        """Note that a page was read: its notes have had their turn."""
        self._passed.add(path)

    def find(self, path: str, key: str, here: tuple[str, int]) -> Note | None:
        """Return the note that a mark leads to; None for one that stands before the mark, or was spoken, or is none.

        `here` is the page of the mark, and the number of its element.
        """
        if path in self._passed:
            return None
        ids, numbers = self._index(path)
        element = ids.get(key)
        while element is not None and local(element) not in NOTE_BODIES:
            element = element.getparent()
        if element is None:
            return None
        number = numbers[element]
        if (path, number) in self._spoken or (path == here[0] and number <= here[1]):
            return None
        text = plain_text(element)
        return Note(path, element, number) if any(map(str.isalnum, text)) and len(text) <= LONGEST_NOTE else None

    def speak(self, note: Note) -> None:
        """Note that a note was read."""
        self._spoken.add((note.path, note.number))

    def is_spoken(self, path: str, number: int) -> bool:
        """Whether the element of this number was read as a note."""
        return (path, number) in self._spoken

    def _index(self, path: str) -> tuple[dict[str, Element], dict[Element, int]]:
        """Return the elements of a page by their ids, and their numbers."""
        if path not in self._pages:
            here, root = self._load_here
            tree = root if path == here else self._load(path)
            ids: dict[str, Element] = {}
            numbers: dict[Element, int] = {}
            for number, element in enumerate(elements(tree) if tree is not None else ()):
                numbers[element] = number
                for key in (element.get("id"), element.get(XML + "id"), element.get("name")):
                    if key:
                        ids.setdefault(key, element)
            if len(self._pages) >= _KEPT_PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[path] = (ids, numbers)
        return self._pages[path]
