"""English as it is read aloud: the kinds of misreading that others report, with what must be left alone."""

import pytest

from pockettts.config import TextConfig
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import parse_manuscript


def said(text: str) -> str:
    """What is spoken, sentence by sentence, between bars."""
    manuscript = parse_manuscript(text, "book.txt")
    return " | ".join(chunk.text for chunk in chunk_manuscript(manuscript, TextConfig(min_chars=0), "en"))


CASES = {
    "a word that ends a sentence is no number": [
        ("“No. I was asleep.”", "No. | I was asleep."),
        ("Was it No. II or No. V?", "Was it Number two or Number five?"),
        ("She cut her fig. I kept mine.", "She cut her fig. | I kept mine."),
        ("He lives at no. 5. It is big.", "He lives at number five. | It is big."),
        ("Vol. I, ch. iv, p. 3", "Volume one, chapter four, page three."),
        ("See ch. IX. there", "See chapter nine there."),
        ("No. I. will do", "No. | I. will do."),
    ],
    "streets and saints": [
        ("Mr. Hugo St. Leger came to Mrs. St. Aubyn.", "Mister Hugo Saint Leger came to Missus Saint Aubyn."),
        ("Hugo St. Leger lay down.", "Hugo Saint Leger lay down."),
        ("Lord Robert St. Simon", "Lord Robert Saint Simon."),
        ("They met on Bond St. James was late.", "They met on Bond Street James was late."),
        ("Bond St. was dark. She lives on Elm St.", "Bond Street was dark. | She lives on Elm Street."),
        ("Elm Dr. near us; 42nd St. Station", "Elm Drive near us; forty-second Street Station."),
        ("Dr. Moss of St. Paul, Minn.", "Doctor Moss of Saint Paul, Minnesota."),
    ],
    "old money": [
        ("It cost 3s. 4d. in all.", "It cost three shillings and four pence in all."),
        ("He had 1s. and I had 9d. left.", "He had one shilling and I had nine pence left."),
        ("At 3/6 the pair, or 1/- each", "At three and six the pair, or one shilling each."),
        ("£2 10s. 1d. and 200l. a year", "Two pounds ten shillings one penny and two hundred pounds a year."),
        ("6½d. a pound", "Six and a half pence a pound."),
        ("in the 80s. He was young.", "In the eighties. | He was young."),
        ("two thirds, 2/3 of it", "Two thirds, two thirds of it."),
    ],
    "money": [
        ("a $20 note and a £3 million fund", "A twenty dollar note and a three million pound fund."),
        ("He paid a $20 for it.", "He paid a twenty dollars for it."),
        ("the $20 he had", "The twenty dollars he had."),
        ("$.75 each", "Seventy-five cents each."),
    ],
    "titles and names": [
        ("Mr and Mrs Moss", "Mister and Missus Moss."),
        ("Lieut. Moss, Sergt. Ray and Cpl. Fox", "Lieutenant Moss, Sergeant Ray and Corporal Fox."),
        ("Maj.-Gen. Ray and Lt.-Col. Fox", "Major General Ray and Lieutenant Colonel Fox."),
        ("Wm. Moss, Thos. Ray and Geo. Fox", "William Moss, Thomas Ray and George Fox."),
        ("the Rt. Hon. the Earl; Hon. Mr. Fox", "The Right Honourable the Earl; Honourable Mister Fox."),
        ("Drs. Ray and Fox of Co. Kerry", "Doctors Ray and Fox of County Kerry."),
        ("Ray vs Fox and Moss v. Lee", "Ray versus Fox and Moss versus Lee."),
        ("b. 1790, d. 1851", "Born seventeen ninety, died eighteen fifty-one."),
        ("Ray & Co. sold it.", "Ray and Company sold it."),
    ],
    "times": [
        ("the 6.20 train", "The six twenty train."),
        ("between 6.20 and 7.05 o’clock", "Between six twenty and seven oh five o'clock."),
        ("He came at 7.30, alone.", "He came at seven thirty, alone."),
        ("It sold at 7.30 francs", "It sold at seven point three zero francs."),
        ("10:00–12:30", "Ten o'clock to twelve thirty."),
        ("the 0715 flight", "The oh seven fifteen flight."),
        ("3 May 9 p. m.", "The third of May nine p m."),
        ("Mon.–Fri. and Oct–Dec", "Monday to Friday and October to December."),
    ],
    "years": [
        ("the 1890 census and the 1907 crisis", "The eighteen ninety census and the nineteen oh seven crisis."),
        ("1100 sheep and the 1848 riots", "One thousand one hundred sheep and the eighteen forty-eight riots."),
        ("the siege (1099)", "The siege, ten ninety-nine."),
        ("in 30 BC and AD 14", "In thirty B C and A D fourteen."),
    ],
    "numbers": [
        ("2ND SAILOR: the 3RD and the 11TH", "Second Sailor: the third and the eleventh."),
        ("a 60-60 split of 40-50 men", "A sixty sixty split of forty to fifty men."),
        ("See Listing 20-34 and lines 20-34.", "See Listing twenty thirty-four and lines twenty to thirty-four."),
        ("a scale of 5:2", "A scale of five to two."),
        ("4x as many, 3x4 boards, 2 * 6", "Four times as many, three by four boards, two times six."),
        ("5x as fast", "Five times as fast."),
        ("7.5 m people and 7 m", "Seven point five million people and seven metres."),
        ("4 ft. 7 in. high and 12 in. wide", "Four feet seven inches high and twelve inches wide."),
        ("12° 40′ S.", "Twelve degrees forty minutes south."),
        ("6 miles/day", "Six miles per day."),
        ("② and ➂, 4⅐", "Two and three, four and one seventh."),
        ("y³ and 10⁵, E = mc²", "Y cubed and ten to the fifth, E equals mc squared."),
        ("CO₂, H2O and C₂H₅OH", "C O two, H two O and C two H five O H."),
        ("vitamin B12, the A4 page and F5", "Vitamin B twelve, the A four page and F five."),
    ],
    "letters": [
        ("in the U.S.A. and the Y.W.C.A.", "In the U S A and the Y W C A."),
        ("C++ and C#", "C plus plus and C sharp."),
        ("on GU.cards", "On GU dot cards."),
        ("ANNA was here; the BBC was not.", "Anna was here; the BBC was not."),
        ("It read JOHN WEST, BAKER.", "It read John West, Baker."),
        ("HMS VICTORY and the YMCA", "HMS Victory and the YMCA."),
        ("I don`t; it´s", "I don't; it's."),
        ("SIR.", "Sir."),
        ("BBC.", "BBC."),
        ("PIP. You say?", "Pip. | You say?"),
        ("THE JUDGE, severely", "The Judge, severely."),
    ],
    "withheld names": [
        ("Mr. ---- came from ----shire.", "Mister Blank came from Blankshire."),
        ("Lady D——d and Captain ——.", "Lady D and Captain Blank."),
        ("“I——” He stopped.", "I, He stopped."),
    ],
    "measures of old books": [
        ("10 st. 4 lb. and 6ft 2in", "Ten stone four pounds and six feet two inches."),
        ("at 9d. the yd. or a doz.", "At nine pence the yard or a dozen."),
        ("He owed 5l. 10s. and 0½d.", "He owed five pounds ten shillings and a halfpenny."),
        ("a $3.50 book, a 50¢ fare", "A three dollar fifty book, a fifty cent fare."),
        ("the 9.50 up train, the 4.15 from Ware", "The nine fifty up train, the four fifteen from Ware."),
        ("the 5th inst. and 7/8ths", "The fifth instant and seven eighths."),
        ("from 3%-5%", "From three percent to five percent."),
    ],
    "learned abbreviations": [
        ("Maj.-Gen. Dee, LL.D., w/o it", "Major General Dee, L L D, without it."),
        ("p. 5 ff., ll. 5-9, the MS. is", "Page five and following, lines five to nine, the manuscript is."),
        ("in the 19th c. it", "In the nineteenth century it."),
        ("Ven. Moss and Corpl. Hale", "Venerable Moss and Corporal Hale."),
    ],
    "labels and signs": [
        ("±2 and √2 ≈ 1.4", "Plus or minus two and the square root of two about one point four."),
        ("x ≤ 5", "X less than or equal to five."),
        ("x ∈ A, 5 → 6, Fe³⁺", "X is in A, five to six, Fe three plus."),
        ("2.5e3 and 1e-6", "Two point five times ten to the three and one times ten to the minus six."),
        ("Trio, Op. 104, and Opp. 2", "Trio, Opus one hundred four, and Opuses two."),
        ("Listings 20-1 and 20-3", "Listings twenty one and twenty three."),
        ("Tables 2-4 and Figure 2-4", "Tables two to four and Figure two four."),
        ("10⁻⁶ and 10^-6 and 2^10", "Ten to the minus six and ten to the minus six and two to the tenth."),
        ("7 − 3 from −128", "Seven minus three from minus one hundred twenty-eight."),
        ("to dwell with 't. I don 't.", "To dwell with it. | I don t."),
        ("“With Mr. Hugo St.—” Off Baker St.—no.", "With Mister Hugo Saint, Off Baker Street, no."),
    ],
    "speech that breaks off": [
        ("“If you only knew--”", "If you only knew..."),
        ("the Son, and----", "The Son, and..."),
        ("He wrote:--", "He wrote."),
        ("My dear Sir,--", "My dear Sir."),
        ("It is so.--", "It is so."),
    ],
    "numerals": [
        ("James II. fled; Henry I in France", "James the second fled; Henry the first in France."),
        ("told James I was late", "Told James the first was late."),
        ("Gen. ii. 7 and 1 Cor. xiii. 4-7", "Genesis two seven and first Corinthians thirteen four to seven."),
        ("John 3:16", "John three sixteen."),
        ("Act Ⅲ, Scene Ⅱ", "Act three, Scene two."),
        ("xii. The Storm", "Twelve. | The Storm."),
        ("civil. The mix. The", "Civil. | The mix. | The."),
    ],
    "sentences": [
        ("She was . . . late.", "She was... late."),
        ("“I . . . I can’t.”", "I... I can't."),
        ("It ended . . . . Then it began.", "It ended... | Then it began."),
        ("“Good day!” Mr. Moss laughed.", "Good day! Mister Moss laughed."),
        ("“Good day!” The dog laughed.", "Good day! | The dog laughed."),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "spoken"),
    [pytest.param(*case, id=f"{kind}: {case[0]}") for kind, cases in CASES.items() for case in cases],
)
def test_english_is_read_as_a_reader_would(written: str, spoken: str) -> None:
    assert said(written) == spoken


def test_a_heading_with_any_counter_says_its_number() -> None:
    text = (
        "ADVENTURE II. THE ROPE\n\nThe rope was long and nobody knew who had left it on the quay that night in May.\n"
    )
    assert said(text).startswith("Adventure two. the Rope.")
