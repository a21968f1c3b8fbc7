"""Reproducible spoken books with Kyutai's Pocket TTS: the library behind the workflow and the command line.

    import pockettts

    samples = pockettts.synthesize("Good evening.")         int16, mono, 24 kHz
    recording = pockettts.build("mybook.txt")               a Path
    project = pockettts.Project(Path("mybook"))             paths, settings, model and voice of a folder

`SNAKEFILE` is the workflow, for `module` in a Snakefile.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pockettts.api import build, init, synthesize
    from pockettts.project import Project

    SNAKEFILE: str

__version__ = "0.1.0"
__all__ = ["SNAKEFILE", "Project", "__version__", "build", "init", "synthesize"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is used first: that takes a second, and `pockettts --help` needs none of them."""
    if name == "SNAKEFILE":
        from pockettts.project import find_source

        return str(find_source() / "Snakefile")
    if name in __all__:
        from pockettts import api

        return getattr(api, name)
    raise AttributeError(f"module 'pockettts' has no attribute {name!r}")
