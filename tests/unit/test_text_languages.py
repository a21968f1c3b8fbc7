"""Six languages as a native reader expects them, by the rules of their grammars; and what num2words gets wrong."""

import pytest

from pockettts.config import NormalizeConfig, TextConfig
from pockettts.text.chunks import chunk_manuscript
from pockettts.text.manuscript import parse_manuscript
from pockettts.text.mapped import Mapped
from pockettts.text.normalize import normalize


def said(text: str, language: str) -> str:
    """What is spoken, sentence by sentence, between bars."""
    manuscript = parse_manuscript(text, "book.txt")
    return " | ".join(chunk.text for chunk in chunk_manuscript(manuscript, TextConfig(min_chars=0), language))


GERMAN = [
    # Cardinals, decimals digit by digit, grouped thousands.
    ("Es sind 1.000.000 Menschen", "Es sind eine Million Menschen."),
    ("3,14 und 0,5", "Drei Komma eins vier und null Komma fünf."),
    # Ordinals: -e after the article, -en after a preposition with an article, -er and -es without.
    ("Der 2. Weltkrieg", "Der zweite Weltkrieg."),
    ("am 3. Mai", "Am dritten Mai."),
    ("im 19. Jahrhundert", "Im neunzehnten Jahrhundert."),
    ("mein 4. Versuch", "Mein vierter Versuch."),
    ("Er kam um 5. Sie ging.", "Er kam um fünf. | Sie ging."),
    # Years by hundreds; counts not.
    ("Er starb 1945. Danach", "Er starb neunzehnhundertfünfundvierzig. | Danach."),
    ("1914–1918", "Neunzehnhundertvierzehn bis neunzehnhundertachtzehn."),
    ("1500 Menschen", "Eintausendfünfhundert Menschen."),
    ("die 80er Jahre", "Die achtziger Jahre."),
    # Rulers are declined.
    ("Ludwig XIV. regierte", "Ludwig der Vierzehnte regierte."),
    ("unter Karl V. lebte", "Unter Karl dem Fünften lebte."),
    ("Kapitel IV. Die Reise", "Kapitel vier. | Die Reise."),
    # Times, money, units; ein and eine.
    ("um 14:30 Uhr und 1:00 Uhr", "Um vierzehn Uhr dreißig und ein Uhr."),
    ("12,50 € und 1 €", "Zwölf Euro fünfzig und ein Euro."),
    ("5 km, 1 t, 20 °C, 3 %", "Fünf Kilometer, eine Tonne, zwanzig Grad Celsius, drei Prozent."),
    ("DIE REISE NACH ROM", "Die Reise Nach Rom."),
    # Abbreviations.
    ("Hr. Moos und Fr. Au, z. B. in St. Gallen", "Herr Moos und Frau Au, zum Beispiel in Sankt Gallen."),
    ("S. 12, Bd. 2 usw.", "Seite zwölf, Band zwei und so weiter."),
    ("in der Hauptstr. 5", "In der Hauptstraße fünf."),
]
FRENCH = [
    ("10 000 francs et 1.500 hommes", "Dix mille francs et mille cinq cents hommes."),
    ("3,5 et 2,05", "Trois virgule cinq et deux virgule zéro cinq."),
    ("le 1er mai, la 1re fois, la 2e fois", "Le premier mai, la première fois, la deuxième fois."),
    ("au XIXe siècle et au Ve siècle", "Au dix-neuvième siècle et au cinquième siècle."),
    ("Le roi, Ce jour, De lui, Me voici, Vie", "Le roi, Ce jour, De lui, Me voici, Vie."),
    ("Louis XIV et François Ier", "Louis quatorze et François premier."),
    ("Chapitre I", "Chapitre premier."),
    ("chapitre IV, scène II", "Chapitre quatre, scène deux."),
    ("à 14h30 et à 1 h", "À quatorze heures trente et à une heure."),
    ("3,50 € et 20 %", "Trois euros cinquante et vingt pour cent."),
    ("21 km et 1 h", "Vingt et un kilomètres et une heure."),
    ("de 1914-1918", "De mille neuf cent quatorze à mille neuf cent dix-huit."),
    ("M. Roy, Mme Blé et Mlle Pin", "Monsieur Roy, madame Blé et mademoiselle Pin."),
    ("« Oui ! » dit-il.", "Oui! dit-il."),
    ("p. 12, etc.", "Page douze, et cetera."),
    (
        "Quatre et trois font sept. Le 3 sept. 1850",
        "Quatre et trois font sept. | Le trois septembre mille huit cent cinquante.",
    ),
    ("nos amis et un n° 5", "Nos amis et un numéro cinq."),
]
SPANISH = [
    ("1.234 casas y 3,5 kg", "Mil doscientas treinta y cuatro casas y tres coma cinco kilos."),
    ("el 1.º de mayo, la 2.ª vez", "El primero de mayo, la segunda vez."),
    ("el siglo XVI y Felipe II", "El siglo dieciséis y Felipe segundo."),
    ("Alfonso XIII", "Alfonso trece."),
    ("Capítulo IX. De ello", "Capítulo nueve. | De ello."),
    ("21 euros, 21 horas", "Veintiún euros, veintiuna horas."),
    ("2,50 €", "Dos euros con cincuenta."),
    ("1914-1918", "Mil novecientos catorce a mil novecientos dieciocho."),
    ("El Sr. Paz y la Sra. Luz; Vd. lo sabe", "El señor Paz y la señora Luz; usted lo sabe."),
    ("pág. 12", "Página doce."),
    ("-Ven -dijo él-. Ya voy.", "Ven, dijo él. | Ya voy."),
]
ITALIAN = [
    ("3,50 € al kg", "Tre euro e cinquanta al chilo."),
    ("Il 3,7 % di 1.500 voti", "Il tre virgola sette per cento di millecinquecento voti."),
    ("2,05", "Due virgola zero cinque."),
    ("1 km e 1 h", "Un chilometro e un'ora."),
    ("la 2ª volta, il 1º maggio", "La seconda volta, il primo maggio."),
    ("il XVI secolo e Carlo V", "Il sedicesimo secolo e Carlo quinto."),
    ("il sig. Rossi e la dott.ssa Neri", "Il signor Rossi e la dottoressa Neri."),
    ("pag. 12, n. 5, S. Marco", "Pagina dodici, numero cinque, San Marco."),
    ("capitolo IV", "Capitolo quattro."),
]
PORTUGUESE = [
    ("R$ 3,50 e 1 €", "Três reais e cinquenta e um euro."),
    ("às 14h30", "Às catorze horas e trinta."),
    ("no séc. XIX", "No século dezenove."),
    ("a 1ª vez, o 2º andar", "A primeira vez, o segundo andar."),
    ("D. Pedro II e a Sra. Costa", "Dom Pedro segundo e a senhora Costa."),
    ("2 horas e 3,5 kg", "Duas horas e três vírgula cinco quilos."),
    ("1.500 homens", "Mil e quinhentos homens."),
    ("cap. V", "Capítulo cinco."),
]
DUTCH = [
    ("In 1830 en 1500 man", "In achttienhonderddertig en duizendvijfhonderd man."),
    ("de 1e keer, de 20ste eeuw", "De eerste keer, de twintigste eeuw."),
    ("Karel V en Willem III", "Karel de Vijfde en Willem de Derde."),
    ("Hoofdstuk IV", "Hoofdstuk vier."),
    ("f 3,50 en € 2", "Drie gulden vijftig en twee euro."),
    ("om 14.30 uur", "Om veertien uur dertig."),
    ("3,5 %, 5 km", "Drie komma vijf procent, vijf kilometer."),
    ("dhr. Bos en mevr. Vis, blz. 12, enz.", "De heer Bos en mevrouw Vis, bladzijde twaalf, enzovoort."),
    ("'s avonds, 't is laat, zo'n", "'s avonds, 't is laat, zo'n."),
    ("10-12 uur", "Tien tot twaalf uur."),
]
# Fractions, and what else a book of each language holds.
GERMAN += [
    ("2½ Stunden, ½ Stunde, ½ Pfund", "Zweieinhalb Stunden, eine halbe Stunde, ein halbes Pfund."),
    ("1½ Jahre und 3/8 davon", "Eineinhalb Jahre und drei achtel davon."),
    ("Hauptstr. 12a, 2. Stock", "Hauptstraße zwölf a, zweiter Stock."),
    ("S. M. kam um 8.15 an", "Seine Majestät kam um acht Uhr fünfzehn an."),
]
FRENCH += [
    ("2½ litres, ½ heure, ¼ heure", "Deux litres et demi, une demi heure, un quart d'heure."),
    ("3/4 de litre et 1 page", "Trois quarts de litre et une page."),
    ("les années 80 à St-Denis", "Les années quatre-vingt à Saint-Denis."),
    ("3 Mds € et S. M.", "Trois milliards d'euros et Sa Majesté."),
]
SPANISH += [
    ("2½ litros, ½ hora, 1/4 litro", "Dos litros y medio, media hora, un cuarto de litro."),
    ("1 libro, 1 casa, el 1 de mayo", "Un libro, una casa, el uno de mayo."),
    ("el capítulo 1 trata, a las 1:00", "El capítulo uno trata, a la una."),
    ("D.ª Ana y S. M.", "Doña Ana y Su Majestad."),
    ("-Eso será -dijo Sancho- si no se tira.", "Eso será, dijo Sancho, si no se tira."),
]
ITALIAN += [
    ("2½ litri, ½ ora, 1/4 litro", "Due litri e mezzo, mezza ora, un quarto di litro."),
    ("1 libro, 1 casa", "Un libro, una casa."),
    ("cap. IV, ore 14.30, S. E.", "Capitolo quattro, ore quattordici e trenta, Sua Eccellenza."),
]
PORTUGUESE += [
    ("2½ litros, ½ hora, 1/4 litro", "Dois litros e meio, meia hora, um quarto de litro."),
    ("1 casa, 1 livro e S. M.", "Uma casa, um livro e Sua Majestade."),
]
DUTCH += [
    ("2½ liter, ½ liter, 3/4 uur", "Twee en een half liter, een halve liter, drie kwart uur."),
    ("hfdst. IV, 12a, 1914-1918", "Hoofdstuk vier, twaalf a, negentienhonderdveertien tot negentienhonderdachttien."),
]
TABLES = {"de": GERMAN, "fr": FRENCH, "es": SPANISH, "it": ITALIAN, "pt": PORTUGUESE, "nl": DUTCH}


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        pytest.param(language, *case, id=f"{language}: {case[0]}")
        for language, cases in TABLES.items()
        for case in cases
    ],
)
def test_a_language_is_read_as_a_native_reader_would(language: str, written: str, spoken: str) -> None:
    assert said(written, language) == spoken


@pytest.mark.parametrize("language", TABLES)
@pytest.mark.parametrize("number", [0, 1, 16, 21, 71, 80, 100, 101, 1000, 1001, 2003, 21000, 1000000])
def test_cardinals_are_words_without_figures_or_commas(language: str, number: int) -> None:
    words = normalize(Mapped.of(f"({number})"), NormalizeConfig(years=False), language).text
    assert not any(character.isdecimal() or character == "," for character in words)


@pytest.mark.parametrize("language", TABLES)
def test_switches_leave_a_kind_as_it_is(language: str) -> None:
    off = NormalizeConfig.model_validate(dict.fromkeys(NormalizeConfig.model_fields, False))
    text = "1.000 km, 3,5 %, XIX, 14h30, p. 5"
    assert normalize(Mapped.of(text), off, language).text == text


def test_an_unknown_language_is_left_as_it_is() -> None:
    assert normalize(Mapped.of("12 km & 5 %"), NormalizeConfig(), "sv").text == "12 km & 5 %"
