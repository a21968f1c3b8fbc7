"""Reads mangled documents in a process of its own, under limits: each ends in a manuscript or in one sentence.

    python tests/support/fuzz.py SEED COUNT     prints JSON: how each ended, the slowest, and the memory

A traceback, a sentence of several lines, more than 2 s or 200 MB, a letter without an account, or a file that is opened
for writing ends it with an error.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

SECONDS = 2.0
MEGABYTES = 200


def forbid_writing(event: str, values: tuple[Any, ...]) -> None:
    """Audit hook: nothing may be written, made, renamed or deleted, nor may a program or a connection be started."""
    if event == "open":
        mode, flags = values[1], values[2]
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if mode is None else set(str(mode)) & set("wax+")
        if writes and values[0] != os.devnull:
            raise AssertionError(f"{values[0]} is opened for writing")
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "subprocess.Popen", "socket.connect"):
        raise AssertionError(f"{event} {values}")


def seeds() -> list[tuple[str, bytes]]:
    """Documents of every format, as a name and bytes."""
    from support.documents import docx, make_epub

    data = ROOT / "tests" / "data" / "epub"
    samples = [("x.epub", path.read_bytes()) for path in sorted(data.glob("*/*.epub")) if path.stat().st_size < 50_000]
    page = "<h1>One</h1><p>Text <b>bold</b>.<a href='#n'><sup>1</sup></a></p><p id='n'>1 Note.</p>"
    fiction = "<?xml version='1.0'?><FictionBook><description><title-info><book-title>T</book-title></title-info>"
    fiction += "</description><body><section><title><p>One</p></title><p>Text.</p></section></body></FictionBook>"
    paragraph = "<w:p><w:r><w:t>Text.</w:t></w:r></w:p>"
    samples += [
        ("x.html", f"<!DOCTYPE html><html><head><title>T</title></head><body>{page}</body></html>".encode()),
        ("x.fb2", fiction.encode()),
        ("x.docx", docx(paragraph * 5)),
        ("x.md", b"# One\n\nText [link](x.y) and `code`.\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
        ("x.txt", b"CHAPTER I\r\n\r\nText _in italics_ [1], and so on.\r\n\r\n[1] A note.\r\n" * 3),
        ("x.epub", make_epub([page, "<p>Two</p>"], [("One", "c0.xhtml")])),
    ]
    return samples


def run(seed: int, count: int) -> dict[str, Any]:
    """Read so many mangled documents. Raises `AssertionError` for what must not happen."""
    from pockettts.config import EpubConfig
    from pockettts.errors import ManuscriptError
    from pockettts.text.contents import contents_of
    from pockettts.text.manuscript import manuscript_from_bytes
    from support.documents import mutate, mutate_members

    chance, documents = random.Random(seed), seeds()
    notes = ("skip", "read", "inline")
    for name, data in documents:  # imports and tables of all formats, before limits are set
        try:
            contents_of(manuscript_from_bytes(data, Path(name)))
        except ManuscriptError:
            continue
    sys.addaudithook(forbid_writing)
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (before + (MEGABYTES << 20), most))
    ends = {"read": 0, "refused": 0}
    slowest = 0.0
    for number in range(count):
        name, data = chance.choice(documents)
        packed = data.startswith(b"PK") and chance.random() < 0.6
        mangled = (mutate_members if packed else mutate)(data, chance)
        options = EpubConfig(notes=chance.choice(notes), front_matter=chance.random() < 0.3, alt=chance.random() < 0.3)
        begin, sentence = time.process_time(), ""
        try:
            reading = contents_of(manuscript_from_bytes(mangled, Path(name), "auto", options)).reading
            total = reading.spoken + sum(omission.letters for omission in reading.omissions)
            assert reading.letters == total, f"seed {seed}, document {number}: letters are lost"
        except ManuscriptError as error:
            sentence = str(error)
        assert "\n" not in sentence, sentence
        ends["refused" if sentence else "read"] += 1
        spent = time.process_time() - begin
        slowest = max(slowest, spent)
        assert spent < SECONDS, f"seed {seed}, document {number}, a {name}: {spent:.1f} s"
    # Not ru_maxrss: it counts what the process was before it became this program, a copy of a large test process.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    memory = int(peak) >> 10
    assert memory < MEGABYTES, f"{memory} MB"
    return {**ends, "slowest": round(slowest, 3), "memory": memory}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
