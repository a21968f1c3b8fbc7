"""Dates and times of day."""

from __future__ import annotations

import re

from pockettts.text.normalize.rules import CAPITAL_NEXT, ENDS, NUMERIC, rule, stop
from pockettts.text.normalize.words import cardinal, ordinal, two_digits, year

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)(?:\.|(?=\s)))"
)


def _month(written: str) -> str:
    return next(name for name in _MONTHS if name.startswith(written.rstrip(".")[:3]))


def _dated(day_and_month: str, written_year: str | None) -> str:
    return f"{day_and_month}, {year(int(written_year))}" if written_year else day_and_month


def _is_day(written: str) -> bool:
    return 1 <= int(written) <= 31


@rule("dates", r"(?<![\w./-])(\d{4})-(\d{2})-(\d{2})(?![\w-]|\.\d)", NUMERIC)
def _iso_date(match: re.Match[str]) -> str | None:
    if not (1 <= int(match[2]) <= 12 and _is_day(match[3])):
        return None
    return _dated(f"{_MONTHS[int(match[2]) - 1]} {ordinal(str(int(match[3])))}", match[1])


@rule("dates", r"(?<![\w./-])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?![\w/]|\.\d)", NUMERIC)
def _slashed_date(match: re.Match[str]) -> str:
    first, second = int(match[1]), int(match[3])
    if first > 12 >= second >= 1 and first <= 31:
        return _dated(f"the {ordinal(str(first))} of {_MONTHS[second - 1]}", match[4])
    if second > 12 >= first >= 1 and second <= 31:
        return _dated(f"{_MONTHS[first - 1]} {ordinal(str(second))}", match[4])
    mark = " slash " if match[2] == "/" else " point "
    return f"{cardinal(str(first))}{mark}{cardinal(str(second))}{mark}{year(int(match[4]))}"


@rule(
    "dates",
    rf"(?<![\w.,:/-])(?:[Tt]he )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|d)?,? (?:day )?(?:of )?{_MONTH}"
    r"(?!\w)(?:,? (?P<year>1\d{3}|20\d{2})(?![\w-]|[.,]\d))?",
    NUMERIC,
)
def _day_month(match: re.Match[str]) -> str | None:
    if not _is_day(match["day"]):
        return None
    article = "The" if match[0].startswith("T") else "the"
    spoken = _dated(f"{article} {ordinal(match['day'])} of {_month(match['month'])}", match["year"])
    return spoken + stop(match, CAPITAL_NEXT)


_NOT_A_DAY = r"(?![\w%:/]|[.,]\d| ?(?:o['’]clock|[ap]\.?\s?m\b|%|million|thousand|hundred|miles|men|people|years|feet))"


@rule("dates", rf"(?<!\w){_MONTH} (?P<day>\d{{1,2}})\s?[-–]\s?(?P<last>\d{{1,2}}){_NOT_A_DAY}", NUMERIC)
def _month_days(match: re.Match[str]) -> str | None:
    if not (_is_day(match["day"]) and _is_day(match["last"])):
        return None
    return f"{_month(match['month'])} {ordinal(match['day'])} to {ordinal(match['last'])}"


@rule(
    "dates",
    rf"(?<!\w){_MONTH} (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th|d)?{_NOT_A_DAY}"
    r"(?:,? (?P<year>1\d{3}|20\d{2})(?![\w-]|[.,]\d))?",
    NUMERIC,
)
def _month_day(match: re.Match[str]) -> str | None:
    if not _is_day(match["day"]):
        return None
    return _dated(f"{_month(match['month'])} {ordinal(match['day'])}", match["year"])


@rule("dates", rf"(?<!\w){_MONTH}(?P<comma>,?) (?P<year>1\d{{3}}|20\d{{2}})(?![\w-]|[.,]\d)", NUMERIC)
def _month_year(match: re.Match[str]) -> str:
    return f"{_month(match['month'])}{match['comma']} {year(int(match['year']))}"


def _clock(hour: int, minute: int, half: bool) -> str:
    if minute == 0:
        if half:
            return cardinal(str(hour))
        return f"{cardinal(str(hour))} o'clock" if 1 <= hour <= 12 else f"{cardinal(str(hour))} hundred"
    return f"{cardinal(str(hour))} {two_digits(minute)}"


@rule(
    "times",
    r"(?<![\w.:/,])(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>[AaPp])"
    r"(?:\.\s?[Mm]\.|[Mm]\.?(?!\w))(?!\w)",
    NUMERIC,
)
def _half_day(match: re.Match[str]) -> str | None:
    if match[0].lower().endswith(" am") and re.match(r"\s+I\b", match.string[match.end() : match.end() + 8]):
        return None
    spoken = _clock(int(match["hour"]), int(match["minute"] or 0), half=True)
    return f"{spoken} {match['half'].lower()} m" + stop(match, CAPITAL_NEXT if match[0][-2:] in ("m.", "M.") else ENDS)


@rule("times", r"(?<![\w.:/,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\w:]|\.\d)", ":")
def _time(match: re.Match[str]) -> str:
    spoken = _clock(int(match["hour"]), int(match["minute"]), half=match["second"] is not None)
    return f"{spoken} {two_digits(int(match['second']))}" if match["second"] else spoken


_DAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip
_DAY = "|".join(sorted(_DAYS, key=len, reverse=True))


_MONTH_NAME = "|".join(f"{name[:3]}\\.?(?!\\w)|{name}" for name in _MONTHS) + "|Sept\\.?"


@rule("dates", rf"(?<!\w)(?P<first>{_MONTH_NAME})\s?[-–]\s?(?P<month>{_MONTH_NAME})(?!\w)", "-–")
def _months(match: re.Match[str]) -> str:
    return f"{_month(match['first'])} to {_month(match['month'])}"


@rule("dates", rf"(?<!\w)({_DAY})\.?\s?[-–]\s?({_DAY})(?!\w)\.?", "-–")
def _weekdays(match: re.Match[str]) -> str:
    return f"{_DAYS[match[1]]} to {_DAYS[match[2]]}" + stop(match, CAPITAL_NEXT)


@rule("dates", rf"(?<!\w)({_DAY})\.(?=,? (?:\d|[A-Z][a-z]{{2}}))|(?<!\w)({_DAY}),(?= (?:\d|[A-Z][a-z]{{2}}))", ".,")
def _weekday(match: re.Match[str]) -> str:
    return _DAYS[match[1]] if match[1] else f"{_DAYS[match[2]]},"


_DOTTED = r"(?:1[0-9]|2[0-3]|0?\d)\.[0-5]\d"


@rule(
    "times",
    rf"(?<![\w.:/,$£€])(?:(?P<first>{_DOTTED}) ?(?P<link>and|or|to|till|until|-|–) ?)?(?P<time>{_DOTTED})"
    rf"(?= ?(?:o['’]clock|sharp|in the (?:morning|evening|afternoon)|at night|[ap]\. ?m\.)(?!\w))",
    NUMERIC,
)
def _dotted_time(match: re.Match[str]) -> str:
    spoken = _spoken_time(match["time"])
    if not match["first"]:
        return spoken
    link = "to" if match["link"] in "-–" else match["link"]
    return f"{_spoken_time(match['first'])} {link} {spoken}"


@rule(
    "times",
    rf"(?<=\b[Tt]he )(?P<time>{_DOTTED})(?= (?:(?:up|down|slow|fast|night|morning|early|late) )?(?:train|express|bus|"
    rf"boat|mail|local|ferry|coach|steamer|flight|service)(?!\w)| (?:from|to|for|out of) [A-Z])"
    r"|(?<=\bat )(?P<hour>(?:1[0-2]|[1-9])\.[0-5][05])"
    r"(?=[,;:!?)—]|\.?\s*\Z|\. [A-Z]| (?:and|he|she|they|we|I|that|this|sharp|precisely|every|each morning|on|"
    r"from)(?!\w))",
    NUMERIC,
)
def _timetable(match: re.Match[str]) -> str:
    return _spoken_time(match["time"] or match["hour"])


def _spoken_time(written: str) -> str:
    hour, minute = written.split(".")
    return _clock(int(hour), int(minute), half=True)


_CLOCK = r"(?:[01]?\d|2[0-4]):[0-5]\d"


@rule("times", rf"(?<![\w.:/,])(?P<first>{_CLOCK})\s?[-–]\s?(?P<last>{_CLOCK})(?![\w:]|\.\d)", ":")
def _time_range(match: re.Match[str]) -> str:
    (hour, minute), (last_hour, last_minute) = match["first"].split(":"), match["last"].split(":")
    return f"{_clock(int(hour), int(minute), half=False)} to {_clock(int(last_hour), int(last_minute), half=False)}"


@rule(
    "times",
    r"(?<![\w.,:/-])(?P<hour>0\d|1\d|2[0-3])(?P<minute>[0-5]\d)(?= (?:hours|hrs|h|GMT|UTC|local time)(?!\w))"
    r"|(?<![\w.,:/-])(?P<early>0\d)(?P<past>[0-5]\d)(?= (?:bus|train|flight|ferry|news|departure|boat|service)(?!\w))"
    r"|(?<=\bat )(?P<at>0\d)(?P<after>[0-5]\d)(?![\w-]|[.,:/]\d)",
    NUMERIC,
)
def _four_figures(match: re.Match[str]) -> str:
    hour, minute = (
        (match["hour"] or match["early"] or match["at"]),
        (match["minute"] or match["past"] or match["after"]),
    )
    spoken = "zero" if hour == "00" else f"oh {cardinal(hour[1])}" if hour[0] == "0" else cardinal(hour)
    return f"{spoken} hundred" if minute == "00" else f"{spoken} {two_digits(int(minute))}"


RULES = (
    _months,
    _weekdays,
    _weekday,
    _iso_date,
    _slashed_date,
    _day_month,
    _month_days,
    _month_day,
    _month_year,
    _four_figures,
    _time_range,
    _half_day,
    _dotted_time,
    _timetable,
    _time,
)
