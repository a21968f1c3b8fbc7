"""What a rule is, and what rules share: digits in patterns, and the full stop that ends a sentence as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pockettts.text.dictionary import PLACEHOLDERS
from pockettts.text.mapped import Replacement

Group = Literal[
    "numbers", "ordinals", "decimals", "years", "dates", "times", "currency", "percent", "units", "roman",
    "abbreviations", "initials", "urls", "symbols", "capitals",
]  # fmt: skip


@cache
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern, compiled when it is first used: a job that normalizes nothing does not wait for a hundred of them."""
    return re.compile(pattern, flags)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern and the words for its match; a function answers None to leave the match as it is.

    `group` is the switch in `NormalizeConfig`. `needs` is a cheap test: without one of these characters in the text the
    pattern is not tried (empty: always).
    """

    group: Group
    source: str
    say: Replacement
    needs: str = ""
    flags: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return compiled(self.source, self.flags)


def rule(
    group: Group, source: str, needs: str = "", flags: int = 0
) -> Callable[[Callable[[re.Match[str]], str | None]], Rule]:
    """Make a rule of the function below it."""
    return lambda say: Rule(group, source, say, needs, flags)


NUMERIC = "0123456789"
WHOLE = r"\d{1,3}(?:,\d{3}){1,8}(?![\d,]\d)|\d{1,40}"


UPPER = rf"A-ZÀ-ÖØ-Þ{PLACEHOLDERS}"
STARTERS = (
    "The|A|An|He|She|It|They|We|I|You|His|Her|Their|Our|My|Your|Its|This|That|These|Those|There|Here|Then|When|While|"
    "Where|Why|How|What|Who|Which|If|As|At|In|On|Of|Off|To|For|From|With|Without|By|But|And|Or|So|Yet|Nor|Not|No|Yes|"
    "After|Before|Until|Since|Because|Although|Though|However|Nevertheless|Moreover|Meanwhile|Suddenly|Now|Once|One|"
    "All|Some|Many|Most|Each|Every|Everyone|Everything|Nobody|Nothing|Somebody|Someone|Something|Anyone|Only|Even|"
    "Still|"
    "Perhaps|Maybe|Well|Oh|Ah|Alas|Let|Do|Did|Does|Is|Was|Were|Are|Had|Has|Have|Can|Could|Would|Should|Will|Shall|May|"
    "Might|Must|Under|Over|Upon|Up|Down|Out|Into|Through|During|Between|Both|Either|Neither|Again|Also|Next|Later|Soon"
)
ENDS = rf"[\"'”’)\]]*\s*\Z|[\"”’)\]]+\s+[\"“‘(]*[{UPPER}]|\s+[\"'“‘(]*(?:{STARTERS})(?![\w.])"
CAPITAL_NEXT = rf"[\"'”’)\]]*\s*\Z|[\"'”’)\]]*\s+[\"'“‘(]*[{UPPER}]"


def stop(match: re.Match[str], ends: str = ENDS) -> str:
    """A full stop if the abbreviation that ends in one also ends its sentence, else nothing."""
    return "." if match[0].endswith(".") and compiled(ends).match(match.string, match.end()) else ""
