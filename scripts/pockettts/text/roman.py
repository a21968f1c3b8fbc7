"""Roman numerals: the value of one, for the readers and for the normalizer."""

from __future__ import annotations

_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman_value(numeral: str) -> int:
    """Value of a roman numeral; subtractive notation (IV, XC) as usual."""
    total = 0
    values = [_ROMAN_VALUES[letter] for letter in numeral.upper()]
    for value, following in zip(values, [*values[1:], 0], strict=True):
        total += value if value >= following else -value
    return total
