"""Written forms to words: tables by group of rules, with what must be left alone, and the switches."""

import importlib
import pkgutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pockettts.config import NormalizeConfig
from pockettts.text import normalize as package
from pockettts.text.mapped import Mapped
from pockettts.text.normalize import ENGLISH, cardinal, normalize, ordinal, year
from pockettts.text.normalize.rules import Rule
from pockettts.values import language_code

ON = NormalizeConfig()


def spoken(text: str, config: NormalizeConfig = ON, language: str = "en", heading: bool = False) -> str:
    return normalize(Mapped.of(text), config, language, heading).text


NUMBERS = [
    ("1,234,567 things", "one million two hundred thirty-four thousand five hundred sixty-seven things"),
    ("12 men", "twelve men"),
    ("agent 007", "agent zero zero seven"),
    ("-5 and −3", "minus five and minus three"),
    ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
    ("mp3", "mp three"),
    ("10-15 of them", "ten to fifteen of them"),
    ("pages 3–5", "pages three to five"),
    ("Call 555-1234.", "Call five five five, one two three four."),
    ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
    ("twenty-one", "twenty-one"),
    ("COVID-19", "COVID-nineteen"),
    ("He left. 5 men came.", "He left. Five men came."),
    ("3.14", "three point one four"),
    (".5 mm", "point five millimetres"),
    ("version 1.2.3", "version one point two point three"),
    ("The 1st, 22nd and 101st", "The first, twenty-second and one hundred first"),
    ("the 23d of the month", "the twenty-third of the month"),
]
YEARS = [
    ("In 1865 he left.", "In eighteen sixty-five he left."),
    ("in 2003", "in two thousand three"),
    ("by 2010", "by twenty ten"),
    ("in 1905", "in nineteen oh five"),
    ("in 1900", "in nineteen hundred"),
    ("in 1066", "in ten sixty-six"),
    ("1865 men", "one thousand eight hundred sixty-five men"),
    ("about 1500 people", "about one thousand five hundred people"),
    ("about 1800", "about eighteen hundred"),
    ("page 1865", "page one thousand eight hundred sixty-five"),
    ("the 1860s", "the eighteen sixties"),
    ("the 1900s", "the nineteen hundreds"),
    ("the '60s", "the sixties"),
    ("1914-18", "nineteen fourteen to eighteen"),
    ("1905-06", "nineteen oh five to oh six"),
    ("1914–1918", "nineteen fourteen to nineteen eighteen"),
    ("1865 was hot", "eighteen sixty-five was hot"),
    ("$1865", "one thousand eight hundred sixty-five dollars"),
]
DATES = [
    ("4 July 1862", "the fourth of July, eighteen sixty-two"),
    ("the 26th of November, 1703, and", "the twenty-sixth of November, seventeen oh three, and"),
    ("July 4, 1862", "July fourth, eighteen sixty-two"),
    ("July 4th", "July fourth"),
    ("Sept. 3", "September third"),
    ("May 3-5", "May third to fifth"),
    ("May 1962", "May nineteen sixty-two"),
    ("1862-07-04", "July fourth, eighteen sixty-two"),
    ("13/7/1862", "the thirteenth of July, eighteen sixty-two"),
    ("4/7/1862", "four slash seven slash eighteen sixty-two"),
    ("You may 5 times ask", "You may five times ask"),
    ("March 10 miles", "March ten miles"),
    ("2000-13-40", "two zero zero zero, one three, four zero"),
]
TIMES = [
    ("At 5 p.m. he left", "At five p m he left"),
    ("It was 5 p.m. The bell rang.", "It was five p m. The bell rang."),
    ("at 12.30 p.m.", "at twelve thirty p m."),
    ("17:30", "seventeen thirty"),
    ("5:05", "five oh five"),
    ("5:00", "five o'clock"),
    ("17:00", "seventeen hundred"),
    ("I am 5 am I not", "I am five am I not"),
    ("ten to 3:61", "ten to three:sixty-one"),
]
MONEY = [
    ("$3.50", "three dollars and fifty cents"),
    ("£20", "twenty pounds"),
    ("£1", "one pound"),
    ("€5m", "five million euros"),
    ("$1.2 billion", "one point two billion dollars"),
    ("50¢", "fifty cents"),
    ("$0.01", "one cent"),
    ("$5-10", "five to ten dollars"),
    ("-$5", "minus five dollars"),
    ("US$5", "five U S dollars"),
    ("£3 10s. 6d. each", "three pounds ten shillings six pence each"),
    ("20 €", "twenty euros"),
    ("12%", "twelve percent"),
    ("12.5 %", "twelve point five percent"),
]
UNITS = [
    ("5 km", "five kilometres"),
    ("1 kg", "one kilogram"),
    ("70 mph", "seventy miles per hour"),
    ("3 lbs. of it", "three pounds of it"),
    ("It weighs 5 kg. Then", "It weighs five kilograms. Then"),
    ("20 °C", "twenty degrees Celsius"),
    ("5 ft", "five feet"),
    ("5'10\"", "five feet ten"),
    ("99 V. The Denunciation", "ninety-nine V. The Denunciation"),
    ("12 V", "twelve volts"),
    ("5 in the morning", "five in the morning"),
    ("1 g, 12 ms", "one gram, twelve milliseconds"),
]
ROMAN = [
    ("Henry VIII and Louis XIV", "Henry the eighth and Louis the fourteenth"),
    ("George V's", "George the fifth's"),
    ("King Charles I was", "King Charles the first was"),
    ("When I saw Charles I ran", "When I saw Charles I ran"),
    ("Said Charles, I think", "Said Charles, I think"),
    ("World War II", "World War two"),
    ("Chapter XII", "Chapter twelve"),
    ("vol. II", "volume two"),
    ("I. However", "I. However"),
    ("the XIX century", "the nineteenth century"),
    ("an IV drip", "an IV drip"),
    ("Malcolm X", "Malcolm X"),
    ("a MIX of CIVIC", "a MIX of CIVIC"),
    ("Part I think is", "Part I think is"),
]
ABBREVIATIONS = [
    ("Mr. Holmes, Mrs. Hudson and Dr. Watson", "Mister Holmes, Missus Hudson and Doctor Watson"),
    ("MRS. RAVENEL", "Missus Ravenel"),
    ("St. Paul's on Wall St. in town", "Saint Paul's on Wall Street in town"),
    ("Church St. He left.", "Church Street. He left."),
    ("At St. Giles", "At Saint Giles"),
    ("Near St. Paul's", "Near Saint Paul's"),
    ("on 42nd St. He left", "on forty-second Street. He left"),
    ("Mount St. Helens", "Mount Saint Helens"),
    ("No. 5 and nos. 6-7", "Number five and numbers six to seven"),
    ("No. It is", "No. It is"),
    ("cats vs. dogs", "cats versus dogs"),
    ("eggs, milk, etc. Then", "eggs, milk, et cetera. Then"),
    ("eggs, etc., and", "eggs, et cetera, and"),
    ("e.g. this, i.e. that", "for example this, that is that"),
    ("Smith & Co. of", "Smith and Company of"),
    ("John Smith Jr. was", "John Smith Junior was"),
    ("pp. 3–5", "pages three to five"),
    ("drôle", "drôle"),
    ("the drama, Drover and moll", "the drama, Drover and moll"),
]
INITIALS = [
    ("J. R. R. Tolkien", "J R R Tolkien"),
    ("J.R.R. Tolkien", "J R R Tolkien"),
    ("John F. Kennedy", "John F Kennedy"),
    ("the U.S. Army", "the U S Army"),
    ("in the U.S. The end", "in the U S. The end"),
    ("plan B. Then", "plan B. Then"),
    ("vitamin C. Everyone", "vitamin C. Everyone"),
    ("said I. John left", "said I. John left"),
]
ADDRESSES = [
    ("example.com/a.b", "example dot com slash a dot b"),
    ("https://www.foo.org/x?y=1.", "w w w dot foo dot org slash x question mark y equals one."),
    ("john.smith@mail.com", "john dot smith at mail dot com"),
    ("the end.He said", "the end.He said"),
    ("book.txt", "book dot txt"),
]
SYMBOLS = [
    ("R&D and Q & A", "R and D and Q and A"),
    ("a+b=c", "a plus b equals c"),
    ("#1 #tag C#", "number one hashtag tag C sharp"),
    ("2½ and ½", "two and a half and one half"),
    ("3/4 and 1 1/2", "three quarters and one and one half"),
    ("24/7 and 9/11", "twenty-four seven and nine eleven"),
    ("and/or", "and or"),
    ("π and 45°", "pi and forty-five degrees"),
]
CAPITALS = [
    ("so VERY remarkable", "so very remarkable"),
    ("the BBC, NASA and IT", "the BBC, NASA and IT"),
    ("TOOK A WATCH OUT OF IT", "Took a Watch out of it"),
    ("tell US what WHO did", "tell US what WHO did"),
    ("CURTSEYING", "Curtseying"),
    ("I SAID I DID", "I said I did"),
]
ALL = {
    "numbers": NUMBERS, "years": YEARS, "dates": DATES, "times": TIMES, "money": MONEY, "units": UNITS, "roman": ROMAN,
    "abbreviations": ABBREVIATIONS, "initials": INITIALS, "addresses": ADDRESSES, "symbols": SYMBOLS,
    "capitals": CAPITALS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "wanted"),
    [pytest.param(*case, id=f"{name}: {case[0]}") for name, cases in ALL.items() for case in cases],
)
def test_written_forms_become_words(written: str, wanted: str) -> None:
    assert spoken(written) == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("CHAPTER IV: THE GUEST HOUSE", "Chapter four: the Guest House"),
        ("I. UNDER THE PINES", "one. Under the Pines"),
        ("XVIII", "eighteen"),
        ("CHAPTER I. Down the Rabbit-Hole", "Chapter one. Down the Rabbit-Hole"),
        ("XVI. MRS. RAVENEL", "sixteen. Missus Ravenel"),
        ("Mild Weather", "Mild Weather"),
    ],
)
def test_headings_read_their_numerals_and_lower_their_capitals(written: str, wanted: str) -> None:
    assert spoken(written, heading=True) == wanted


@pytest.mark.parametrize(
    ("group", "written"),
    [
        ("ordinals", "the 3rd"),
        ("roman", "Henry VIII"),
        ("abbreviations", "Mr. Holmes"),
        ("initials", "J. R. R. Tolkien"),
        ("symbols", "this & that"),
        ("capitals", "so VERY odd"),
        ("urls", "example.com"),
    ],
)
def test_a_group_that_is_off_leaves_its_forms_alone(group: str, written: str) -> None:
    assert spoken(written) != written
    off = NormalizeConfig(**dict.fromkeys(NormalizeConfig.model_fields, False))
    only = NormalizeConfig(**{name: name == group for name in NormalizeConfig.model_fields})
    assert spoken(written, off) == written
    assert spoken(written, only) != written


@pytest.mark.parametrize(
    ("group", "written", "wanted"),
    [
        ("years", "in 1865", "in one thousand eight hundred sixty-five"),
        ("dates", "July 4th", "July fourth"),
        ("times", "at 17:30", "at seventeen:thirty"),
        ("currency", "£20", "£twenty"),
        ("percent", "12%", "twelve percent"),
        ("units", "5 km", "five km"),
        ("numbers", "12 men", "12 men"),
        ("decimals", "3.14", "three dot fourteen"),
    ],
)
def test_other_groups_still_run_when_one_is_off(group: str, written: str, wanted: str) -> None:
    assert spoken(written, NormalizeConfig(**{group: False})) == wanted


@pytest.mark.parametrize(
    ("language", "written", "wanted"),
    [
        ("de", "Es sind 21 Leute & 3,5 %", "Es sind einundzwanzig Leute und drei Komma fünf Prozent"),
        ("fr", "le 1er et 80 hommes", "le premier et quatre-vingts hommes"),
        ("es", "1.234 casas", "mil doscientas treinta y cuatro casas"),
        ("it", "Sono 3 e i", "Sono tre e i"),
        ("de", "Dr. Faust, No. IV, 5:30, A4", "Doktor Faust, Nummer vier, fünf Uhr dreißig, A4"),
        ("xx", "12 things & 3%", "12 things & 3%"),
    ],
)
def test_other_languages_have_their_own_numbers_and_nothing_that_guesses(
    language: str, written: str, wanted: str
) -> None:
    assert spoken(written, language=language) == wanted


def test_number_words_have_one_style() -> None:
    assert cardinal("1234") == "one thousand two hundred thirty-four"
    assert ordinal("112") == "one hundred twelfth"
    assert (year(1865), year(2000), year(2015)) == ("eighteen sixty-five", "two thousand", "twenty fifteen")


def test_language_names_and_codes_are_understood() -> None:
    names = ["en", "en-GB", "english", "english_2026-10", "French_24l", "deu"]
    assert [language_code(name) for name in names] == ["en", "en", "en", "en", "fr", "deu"]


@given(st.integers(0, 10**15 - 1))
def test_no_cardinal_holds_a_digit_or_an_and(number: int) -> None:
    words = cardinal(f"{number:,}")
    assert not any(character.isdecimal() for character in words)
    assert "," not in words
    assert " and " not in words
    assert words == cardinal(str(number))


@given(st.text(alphabet="0123456789.,-–/:$£%° aAbIVXmMpk'’\"()&@#+\n", max_size=60))
def test_the_map_never_goes_backwards_and_no_figure_survives(text: str) -> None:
    mapped = normalize(Mapped.of(text), ON, "en")
    assert len(mapped.starts) == len(mapped.ends) == len(mapped.text)
    assert list(mapped.starts) == sorted(mapped.starts)
    assert list(mapped.ends) == sorted(mapped.ends)
    assert all(start <= end for start, end in zip(mapped.starts, mapped.ends, strict=True))
    assert not any(character in "0123456789" for character in mapped.text)


def test_the_map_points_at_what_was_written() -> None:
    source = "He paid $3.50 at 5 p.m. to Mr. Holmes."
    mapped = normalize(Mapped.of(source), ON, "en")
    for words, written in [("three dollars and fifty cents", "$3.50"), ("five p m", "5 p.m."), ("Mister", "Mr.")]:
        at = mapped.text.index(words)
        start, end = mapped[at : at + len(words)].span
        assert source[start:end] == written


def test_the_order_of_rules_holds_every_rule_once() -> None:
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    ]
    rules = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    assert len(rules) > 40
    assert all(ENGLISH.count(rule) == 1 for rule in rules)
    assert len(set(ENGLISH)) == len(ENGLISH)


def test_importing_the_package_compiles_no_rule() -> None:
    code = "from pockettts.text.normalize import rules; print(rules.compiled.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"
