"""EPUB 2 and 3: the order of the spine, the chapters of the table of contents, and what of a book is not its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pockettts.config import EpubConfig
from pockettts.errors import ManuscriptError
from pockettts.text.reading import Kind, LeftOut
from pockettts.text.source.archive import Archive, resolve
from pockettts.text.source.markup import Element, decode_markup, elements, local, parse_page, plain_text, types
from pockettts.text.source.options import PageOptions
from pockettts.text.source.package import PAGES, Package, SpineEntry, read_package
from pockettts.text.source.pages import APPARATUS, NOTES, PageReader
from pockettts.text.source.structure import Collector, Division, Passage, SourceText

# Titles in a table of contents that name no text of the book, whole and in lower case.
_APPARATUS_TITLES: dict[Kind, str] = {
    "title page": "cover|front cover|umschlag|couverture|cubierta|portada|copertina|capa|omslag"
    "|(?:half )?title ?(?:page)?|titelseite|titelblatt|page de titre|frontespizio|titelpagina",
    "imprint": "imprint|colophon|copyright(?: page| notice| information)?|uncopyright|impressum|mentions légales"
    "|créditos|colofon",
    "contents": "(?:table of )?contents|toc|inhalt|inhaltsverzeichnis|table des matières|sommaire|índice|indice"
    "|sommario|inhoud|inhoudsopgave",
    "index": "(?:general )?index|register|sachregister",
    "list of illustrations": "(?:list of )?(?:illustrations|figures|plates)|abbildungsverzeichnis",
    "list of tables": "list of tables|tabellenverzeichnis",
    "list of pages": "list of pages|pages",
    "bibliography": "(?:select )?bibliography|works cited|references|literaturverzeichnis|bibliographie",
    "footnote": "(?:foot|end)?notes|anmerkungen|fußnoten|notas|note al testo",
    "publisher's list": "also by .{1,80}|(?:other )?books by .{1,80}|about the publisher|newsletter.{0,60}",
    "license": "(?:the )?(?:full )?project gutenberg.{0,20} licen[sc]e.{0,40}",
    "transcriber's note": "transcriber.?s.? notes?.{0,40}",
}
_TITLES = {kind: re.compile(rf"\W*(?:{words})\W*") for kind, words in _APPARATUS_TITLES.items()}
# A page of which more than this share leads to other pages is a list of contents.
_LINKS_SHARE = 0.7


@dataclass(slots=True)
class _ChapterStarts:
    """The table of contents as chapters need it: titles at the start of a page, and at ids in it."""

    pages: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def titles(self, path: str) -> list[str]:
        """Return all titles that lead to a page."""
        return [title for _, title in self.pages.get(path, [])]


def read_epub(data: bytes, label: str, options: EpubConfig) -> SourceText:
    """Read the bytes of an EPUB called `label` in messages. Raises `ManuscriptError`."""
    return _EpubReader(data, label, options).read()


class _EpubReader:
    def __init__(self, data: bytes, label: str, options: EpubConfig) -> None:
        self.label = label
        self.options = options
        self.archive = Archive(data, label)
        self.package: Package = read_package(self.archive)
        self.collector = Collector()
        page_options = PageOptions(options.notes, options.front_matter, options.alt)
        self.pages = PageReader(self.collector, page_options, self._tree)
        self.paths = {entry.item.path for entry in self.package.spine if entry.item}
        self.contents = self._contents()
        self.divisions: list[Division] = []

    def read(self) -> SourceText:
        if not self.package.spine:
            raise ManuscriptError(f"{self.label} has no reading order (an empty spine); there is nothing to speak.")
        seen: set[str] = set()
        for entry in self.package.spine:
            path = self._page_path(entry)
            name = entry.item.path if entry.item else entry.name
            if path == "":
                self.collector.notes.append(f"{name} is not text and is not read")
            elif path is None or path not in self.archive:
                self.collector.notes.append(f"{name} is in the reading order, but is missing")
            elif path in seen:
                self.collector.notes.append(f"{name} stands in the reading order again and is read once")
            else:
                seen.add(path)
                self._read_page(path, entry.linear)
        self._exclude_divisions()
        if not any(passage.kind != "break" for division in self.divisions for passage in division.passages):
            raise ManuscriptError(
                f"{self.label} holds nothing to speak: it has only pictures, or all its pages are left out "
                "(text.epub.include names what is to be read)."
            )
        return SourceText(
            "epub",
            self.collector.text(),
            tuple(self.collector.documents),
            tuple(self.collector.places),
            self.divisions,
            self.collector.left_out,
            self.package.metadata,
            [*self.package.notes, *self.collector.notes],
        )

    def _contents(self) -> _ChapterStarts:
        depth = self.options.chapter_depth
        contents = _ChapterStarts()
        for entry in self.package.toc:
            if entry.path in self.paths and (depth is None or entry.depth < depth):
                contents.pages.setdefault(entry.path or "", []).append((entry.fragment, entry.title))
        return contents

    def _page_path(self, entry: SpineEntry) -> str | None:
        """Return the page of a place in the spine or its fallback; "" if it is not a page, None if it is missing."""
        item = entry.item
        if item is None:
            return None
        for _ in range(len(self.package.manifest)):
            if item.media_type in PAGES:
                return item.path
            following = self.package.manifest.get(item.fallback)
            if following is None:
                break
            item = following
        return ""

    def _tree(self, path: str) -> Element | None:
        """Return the tree of a page that a note's mark leads to; None if it is no page of the book."""
        if path not in self.paths or path not in self.archive:
            return None
        try:
            return parse_page(decode_markup(self.archive.read(path))[0], path)[0]
        except ManuscriptError:
            return None

    def _read_page(self, path: str, linear: bool) -> None:
        text, _ = decode_markup(self.archive.read(path))
        try:
            root, notes = parse_page(text, path)
        except ManuscriptError as error:
            self.collector.notes.append(f"the page cannot be read: {error}")
            return
        self.collector.notes += notes
        kind = self._kind(path, root, linear)
        passages_before, left_before = len(self.collector.passages), len(self.collector.left_out)
        if kind is not None:
            self.pages.read(root, path, omit=kind)
            return
        self.pages.read(root, path)
        passages = self.collector.passages[passages_before:]
        if not passages and len(self.collector.left_out) == left_before:
            self.collector.notes.append(f"{path} has no text")
        self._divide(path, passages)

    def _kind(self, path: str, root: Element, linear: bool) -> Kind | None:
        """Return why a page is left out, as the kind of thing it is; None for a page that is read."""
        titles = self.contents.titles(path)
        if _matches(self.options.include, path, titles[:1]):
            return None
        if _matches(self.options.exclude, path, []):
            return "excluded page"
        if not linear:
            return "page outside the reading order"
        kind = self._apparatus(path, root, titles)
        if kind == "footnote":
            return None if self.options.notes == "read" else kind
        return None if self.options.front_matter else kind

    def _apparatus(self, path: str, root: Element, titles: list[str]) -> Kind | None:
        named = set(self.package.landmarks.get(path, ()))
        body = next((element for element in elements(root) if local(element) == "body"), None)
        if body is not None:
            named |= types(body)
            children = list(body.iterchildren("*"))
            if len(children) == 1 and not (body.text or "").strip():
                named |= types(children[0])
        for name in sorted(named):
            if name in APPARATUS or name in NOTES:
                return APPARATUS.get(name, "footnote")
        if path == self.package.nav:
            return "contents"
        kinds = [_kind_of_title(title) for title in titles]
        if kinds and all(kinds):
            return kinds[0]
        return "contents" if self._is_list_of_links(path, root) else None

    def _is_list_of_links(self, path: str, root: Element) -> bool:
        links = [
            link for link in root.iter("{*}a") if link.get("href") and next(link.iterancestors("{*}a"), None) is None
        ]
        if len(links) < 3:
            return False
        inside = sum(
            len(plain_text(link)) for link in links if resolve(path, link.get("href") or "")[0] in self.paths - {path}
        )
        body = next((element for element in elements(root) if local(element) == "body"), root)
        return inside > _LINKS_SHARE * max(1, len(plain_text(body)))

    # --- chapters

    def _divide(self, path: str, passages: list[Passage]) -> None:
        """Add the passages of a page to the chapters that the table of contents begins here, or to the one before."""
        entries = self.contents.pages.get(path, [])
        ids = {key for passage in passages for key in passage.ids}
        at_start = [title for fragment, title in entries if fragment not in ids]
        at_id: dict[str, list[str]] = {}
        for fragment, title in entries:
            if fragment in ids:
                at_id.setdefault(fragment, []).append(title)
        if at_start or not self.divisions or not self.contents.pages:
            self.divisions.append(Division(_joined(at_start)))
        for passage in passages:
            titles = [title for key in passage.ids for title in at_id.pop(key, [])]
            division = self.divisions[-1]
            if titles and any(before.kind != "break" for before in division.passages):
                division = Division(_joined(titles))
                self.divisions.append(division)
            elif titles:
                division.title = _joined([division.title, *titles])
            division.passages.append(passage)

    def _exclude_divisions(self) -> None:
        """Leave out the chapters whose titles the settings exclude."""
        if not self.options.exclude:
            return
        divisions = []
        for division in self.divisions:
            if not _matches(self.options.exclude, None, [division.title]):
                divisions.append(division)
                continue
            for passage in division.passages:
                if passage.kind != "break":
                    self.collector.left_out.append(LeftOut("excluded chapter", passage.start, passage.end))
        self.divisions = divisions
        self.collector.left_out.sort(key=lambda left: left.start)


def _matches(patterns: Iterable[str], path: str | None, titles: list[str]) -> bool:
    """Whether a pattern matches a page's path, the last part of it, or a title."""
    names = [*([path, path.rpartition("/")[2]] if path else []), *titles]
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns for name in names)


def _kind_of_title(title: str) -> Kind | None:
    words = " ".join(title.lower().split())
    return next((kind for kind, pattern in _TITLES.items() if pattern.fullmatch(words)), None)


def _joined(titles: list[str]) -> str:
    return ". ".join(dict.fromkeys(title.strip().rstrip(".") for title in titles if title.strip()))
