"""English words for numbers: one style, without "and": 1,234 is "one thousand two hundred thirty-four"."""

from __future__ import annotations

from functools import lru_cache

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST_NUMBER = 15


@lru_cache(maxsize=8192)
def _num2words(number: int, to: str) -> str:
    from num2words import num2words

    return str(num2words(number, to=to)).replace(" and ", " ").replace(",", "")


def cardinal(digits: str) -> str:
    """Words for a whole number in digits, commas allowed; digit by digit with leading zeros or beyond 15 digits."""
    plain = digits.replace(",", "")
    if len(plain) > _LONGEST_NUMBER or (len(plain) > 1 and plain[0] == "0"):
        return by_digit(plain)
    return _num2words(int(plain), "cardinal")


def by_digit(digits: str) -> str:
    """Each digit as a word: 007 is zero zero seven."""
    return " ".join(DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def ordinal(digits: str) -> str:
    """Words for the ordinal of a whole number in digits."""
    plain = digits.replace(",", "")
    return _num2words(int(plain), "ordinal") if len(plain) <= _LONGEST_NUMBER else by_digit(plain)


def decimal(whole: str, fraction: str) -> str:
    """3 and 14 are three point one four."""
    return f"{cardinal(whole)} point {by_digit(fraction)}" if whole else f"point {by_digit(fraction)}"


def year(value: int) -> str:
    """1865 is eighteen sixty-five, 1905 nineteen oh five, 1900 nineteen hundred, 2003 two thousand three."""
    century, rest = divmod(value, 100)
    if value % 1000 < 10:
        return cardinal(str(value))
    if rest == 0:
        return f"{cardinal(str(century))} hundred"
    return f"{cardinal(str(century))} {two_digits(rest)}"


def two_digits(value: int) -> str:
    """The last two digits of a year or the minutes of a time: 5 is oh five."""
    return f"oh {DIGITS[value]}" if value < 10 else cardinal(str(value))


def amount(whole: str, fraction: str | None) -> str:
    """A whole number, or a decimal if there is a fraction."""
    return cardinal(whole) if not fraction else decimal(whole, fraction)
