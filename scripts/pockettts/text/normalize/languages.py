"""What the other languages read aloud: their titles, abbreviations, units, currencies and the words of numbers.

A table for each language, for the rules in `foreign`. Nouns are written singular/plural; `f:` marks a feminine one,
where that changes the number before it.
"""

from __future__ import annotations

from dataclasses import dataclass


def _pairs(text: str) -> dict[str, str]:
    """`written = spoken` pairs, one a line or between semicolons."""
    rows = (row.split(" = ", 1) for row in text.replace(";\n", "\n").replace("; ", "\n").splitlines() if " = " in row)
    return {written.strip(): spoken.strip() for written, spoken in rows}


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `titles` stand before names and never end a sentence; `phrases` may.

    `fractions` stand alone, `and_fractions` after a whole number. `ruler` is how a king's number is read: `the` (Karel
    de Vijfde), `ordinal` to ten and a cardinal beyond, or `cardinal`.
    """

    titles: dict[str, str]
    phrases: dict[str, str]
    before_numbers: dict[str, str]
    units: dict[str, str]
    currencies: dict[str, str]
    symbols: dict[str, str]
    fractions: dict[str, str]
    and_fractions: dict[str, str]
    comma: str
    minus: str
    to: str
    of_cents: str
    months: str
    counters: str
    century: str
    rulers: str
    ruler: str
    hours: str


GERMAN = Language(
    titles=_pairs(
        """
        Hr. = Herr; Hrn. = Herrn; Fr. = Frau; Frl. = Fräulein; Dr. = Doktor; Prof. = Professor
        Dipl.-Ing. = Diplomingenieur
        Ing. = Ingenieur; St. = Sankt; Hl. = Heiliger; hl. = heilige; Ew. = Euer; Exz. = Exzellenz; Kgl. = Königlich
        kgl. = königlich; kais. = kaiserlich; Frhr. = Freiherr; Gebr. = Gebrüder; Kard. = Kardinal; Bf. = Bischof
        Hptm. = Hauptmann; Lt. = Leutnant; Gen. = General; Maj. = Major; Mag. = Magister
        """
    ),
    phrases=_pairs(
        """
        z. B. = zum Beispiel; z.B. = zum Beispiel; d. h. = das heißt; d.h. = das heißt; u. a. = unter anderem
        u.a. = unter anderem; usw. = und so weiter; u. s. w. = und so weiter; u.s.w. = und so weiter; etc. = et cetera
        bzw. = beziehungsweise; ca. = circa; evtl. = eventuell; ggf. = gegebenenfalls; vgl. = vergleiche
        u. U. = unter Umständen
        u.U. = unter Umständen; i. A. = im Auftrag; i. d. R. = in der Regel; i.d.R. = in der Regel; z. T. = zum Teil
        z.T. = zum Teil
        u. dgl. = und dergleichen; o. ä. = oder ähnlich; s. o. = siehe oben; s. u. = siehe unten; sog. = sogenannt
        inkl. = inklusive
        exkl. = exklusive; zzgl. = zuzüglich; bes. = besonders; d. i. = das ist; dgl. = dergleichen
        einschl. = einschließlich
        ff. = folgende; Str. = Straße; str. = straße; Tel. = Telefon; geb. = geboren; gest. = gestorben
        verh. = verheiratet
        v. Chr. = vor Christus; n. Chr. = nach Christus; v.Chr. = vor Christus; n.Chr. = nach Christus
        Jh. = Jahrhundert
        Jhdt. = Jahrhundert; Mio. = Millionen; Mrd. = Milliarden; Std. = Stunden; Min. = Minuten; Sek. = Sekunden
        M. E. = meines Erachtens
        m. E. = meines Erachtens; u. v. m. = und vieles mehr; Bhf. = Bahnhof; Hbf. = Hauptbahnhof; Abb. = Abbildung
        Anm. = Anmerkung
        Abk. = Abkürzung; Bsp. = Beispiel; dt. = deutsch; engl. = englisch; franz. = französisch; lat. = lateinisch
        griech. = griechisch
        S. M. = Seine Majestät; Se. = Seine; Ihre Kgl. = Ihre Königliche; Exz. = Exzellenz; Gebr. = Gebrüder
        Jan. = Januar; Feb. = Februar; Apr. = April; Aug. = August; Sept. = September; Okt. = Oktober
        Nov. = November; Dez. = Dezember
        """
    ),
    before_numbers=_pairs(
        "S. = Seite; Bd. = Band; Nr. = Nummer; No. = Nummer; Kap. = Kapitel; Abs. = Absatz; Art. = Artikel; "
        "Bde. = Bände; "
        "Abb. = Abbildung; Jg. = Jahrgang; Z. = Zeile; Sp. = Spalte; Tel. = Telefon; § = Paragraf; V. = Vers; "
        "ca. = circa"
    ),
    units=_pairs(
        "km = Kilometer; m = Meter; cm = Zentimeter; mm = Millimeter; kg = Kilogramm; g = Gramm; mg = Milligramm; "
        "t = f:Tonne/Tonnen; l = Liter; ml = Milliliter; km/h = Kilometer pro Stunde; °C = Grad Celsius; ° C = "
        "Grad Celsius; "
        "° = Grad; ha = Hektar; km² = Quadratkilometer; m² = Quadratmeter; m³ = Kubikmeter; kW = Kilowatt; "
        "kWh = f:Kilowattstunde/Kilowattstunden; min = f:Minute/Minuten; Std. = f:Stunde/Stunden; % = Prozent; "
        "‰ = Promille; "
        "MB = Megabyte; GB = Gigabyte; Pfd. = Pfund; Ztr. = Zentner"
    ),
    currencies=_pairs(
        "€ = Euro; EUR = Euro; $ = Dollar; £ = Pfund; CHF = Franken; DM = f:Mark; M. = f:Mark; Mk. = f:Mark; "
        "Pf. = Pfennig"
    ),
    symbols=_pairs(
        "& = und; + = plus; = = gleich; ± = plus minus; × = mal; § = Paragraf; "
        "≈ = ungefähr; ≤ = kleiner oder gleich; ≥ = größer oder gleich; ≠ = ungleich; ÷ = geteilt durch; "
        "√ = Wurzel aus; ∞ = unendlich"
    ),
    fractions=_pairs("1/2 = ein halb; 1/3 = ein drittel; 2/3 = zwei drittel; 1/4 = ein viertel; 3/4 = drei viertel"),
    and_fractions=_pairs("1/2 = einhalb; 1/4 = einviertel; 3/4 = dreiviertel; 1/3 = eindrittel; 2/3 = zweidrittel"),
    comma="Komma",
    minus="minus",
    to="bis",
    of_cents="",
    months="Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember",
    counters="Kapitel|Buch|Teil|Band|Akt|Szene|Aufzug|Auftritt|Gesang|Brief|Abschnitt|Artikel|Psalm|Klasse|Typ|Tafel|Nummer",
    century="Jahrhundert",
    rulers="Ludwig|Karl|Friedrich|Wilhelm|Heinrich|Otto|Leopold|Franz|Georg|Philipp|Alexander|Napoleon|Pius|Leo|Gregor|Johannes|"
    "Paul|Katharina|Elisabeth|Konrad|Rudolf|Maximilian|Ferdinand|Joseph|Gustav|Peter|Nikolaus|Urban|Clemens|Eduard|Jakob|Richard",
    ruler="the",
    hours="Uhr",
)

FRENCH = Language(
    titles=_pairs(
        """
        M. = monsieur; MM. = messieurs; Mme = madame; Mme. = madame; Mmes = mesdames; Mlle = mademoiselle
        Mlle. = mademoiselle
        Mlles = mesdemoiselles; Mgr = monseigneur; Mgr. = monseigneur; Dr = docteur; Dr. = docteur; Pr = professeur
        Pr. = professeur
        Me = maître; Vve = veuve; St = saint; Ste = sainte; St. = saint; Ste. = sainte; S. M. = Sa Majesté
        S. A. R. = Son Altesse Royale
        S. E. = Son Excellence; S. S. = Sa Sainteté; N.-D. = Notre-Dame; Cie = compagnie; Cie. = compagnie
        R. P. = révérend père
        """
    ),
    phrases=_pairs(
        """
        etc. = et cetera; c.-à-d. = c'est-à-dire; p. ex. = par exemple; p.ex. = par exemple; env. = environ
        cf. = confer; av. J.-C. = avant Jésus-Christ
        apr. J.-C. = après Jésus-Christ; J.-C. = Jésus-Christ; av. = avenue; bd = boulevard; boul. = boulevard
        tél. = téléphone
        dép. = département; hab. = habitants; janv. = janvier; févr. = février; avr. = avril; juil. = juillet
        sept. = septembre
        oct. = octobre; nov. = novembre; déc. = décembre; s.v.p. = s'il vous plaît; S.V.P. = s'il vous plaît
        N.B. = nota bene
        S. M. = Sa Majesté; S. A. R. = Son Altesse Royale; S. A. = Son Altesse; N. B. = nota bene; P. S. = post-scriptum
        P.-S. = post-scriptum; ib. = ibidem; ibid. = ibidem; suiv. = suivantes; Q.G. = Q G
        """
    ),
    before_numbers=_pairs(
        "p. = page; pp. = pages; n° = numéro; N° = numéro; no = numéro; nº = numéro; vol. = volume; t. = tome; "
        "T. = tome; chap. = chapitre; "
        "ch. = chapitre; art. = article; fig. = figure; § = paragraphe; éd. = édition; v. = vers; liv. = livre"
    ),
    units=_pairs(
        "km = kilomètre/kilomètres; m = mètre/mètres; cm = centimètre/centimètres; mm = millimètre/millimètres; "
        "kg = kilogramme/kilogrammes; "
        "g = gramme/grammes; mg = milligramme/milligrammes; t = f:tonne/tonnes; l = litre/litres; ml = "
        "millilitre/millilitres; "
        "km/h = kilomètre à l'heure/kilomètres à l'heure; °C = degré Celsius/degrés Celsius; ° C = degré "
        "Celsius/degrés Celsius; "
        "° = degré/degrés; ha = hectare/hectares; km² = kilomètre carré/kilomètres carrés; m² = mètre "
        "carré/mètres carrés; "
        "m³ = mètre cube/mètres cubes; kW = kilowatt/kilowatts; min = f:minute/minutes; h = f:heure/heures; % = "
        "pour cent; ‰ = pour mille; "
        "Mo = mégaoctet/mégaoctets; Go = gigaoctet/gigaoctets"
    ),
    currencies=_pairs(
        "€ = euro/euros; EUR = euro/euros; $ = dollar/dollars; £ = f:livre/livres; F = franc/francs; fr. = "
        "franc/francs; frs = franc/francs; CHF = franc suisse/francs suisses"
    ),
    symbols=_pairs(
        "& = et; + = plus; = = égale; ± = plus ou moins; × = fois; § = paragraphe; "
        "≈ = environ; ≤ = inférieur ou égal à; ≥ = supérieur ou égal à; ≠ = différent de; ÷ = divisé par; "
        "√ = racine de; ∞ = infini"
    ),
    fractions=_pairs("1/2 = un demi; 1/3 = un tiers; 2/3 = deux tiers; 1/4 = un quart; 3/4 = trois quarts"),
    and_fractions=_pairs("1/2 = et demi; 1/4 = et quart; 3/4 = trois quarts; 1/3 = un tiers; 2/3 = deux tiers"),
    comma="virgule",
    minus="moins",
    to="à",
    of_cents="",
    months="janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
    counters="chapitre|livre|tome|partie|acte|scène|chant|volume|lettre|article|section|planche|psaume|classe|numéro",
    century="siècle",
    rulers="Louis|Charles|Henri|François|Philippe|Napoléon|Jacques|Guillaume|Georges|Édouard|Jean|Pie|Léon|Grégoire|Paul|"
    "Clément|Urbain|Innocent|Alexandre|Nicolas|Pierre|Catherine|Élisabeth|Frédéric|Richard|Robert|Albert|Léopold|Baudouin",
    ruler="cardinal",
    hours="heures",
)

SPANISH = Language(
    titles=_pairs(
        """
        Sr. = señor; Sra. = señora; Srta. = señorita; Sres. = señores; Sras. = señoras; Srtas. = señoritas
        Dr. = doctor; Dra. = doctora
        D. = don; Dña. = doña; Da. = doña; Vd. = usted; Vds. = ustedes; Ud. = usted; Uds. = ustedes
        S. M. = Su Majestad
        Prof. = profesor; Ing. = ingeniero; Lic. = licenciado; Gral. = general; Cap. = capitán; Cnel. = coronel
        Sto. = santo; Sta. = santa
        S. = san; Mons. = monseñor; Fr. = fray; Excmo. = excelentísimo; Excma. = excelentísima; Ilmo. = ilustrísimo
        Arz. = arzobispo; Hnos. = hermanos
        """
    ),
    phrases=_pairs(
        """
        Vd. = usted; Vds. = ustedes; Ud. = usted; Uds. = ustedes
        etc. = etcétera; p. ej. = por ejemplo; p.ej. = por ejemplo; aprox. = aproximadamente
        a. C. = antes de Cristo; d. C. = después de Cristo
        a.C. = antes de Cristo; d.C. = después de Cristo; EE. UU. = Estados Unidos; EE.UU. = Estados Unidos
        Av. = avenida; Avda. = avenida
        tel. = teléfono; Tel. = teléfono; dpto. = departamento; Dpto. = departamento; Cía. = compañía
        cía. = compañía; Ltda. = limitada
        S. A. = sociedad anónima; S.A. = sociedad anónima; P. D. = posdata; P.D. = posdata; ej. = ejemplo
        máx. = máximo; mín. = mínimo
        izq. = izquierda; dcha. = derecha; prov. = provincia; gob. = gobierno; ed. = edición; N. B. = nota bene
        S. M. = Su Majestad; SS. MM. = Sus Majestades; S. A. = Su Alteza; S. E. = Su Excelencia; D.ª = doña; C/ = calle
        Sr. = señor; Sra. = señora; Srta. = señorita; Dr. = doctor; Excmo. = excelentísimo; Ilmo. = ilustrísimo
        cf. = confróntese; s. f. = sin fecha
        """
    ),
    before_numbers=_pairs(
        "pág. = página; págs. = páginas; p. = página; pp. = páginas; núm. = número; n.º = número; nº = número; "
        "N.º = número; No. = número; "
        "vol. = volumen; t. = tomo; cap. = capítulo; caps. = capítulos; art. = artículo; fig. = figura; § = "
        "párrafo; lib. = libro; v. = verso"
    ),
    units=_pairs(
        "km = kilómetro/kilómetros; m = metro/metros; cm = centímetro/centímetros; mm = milímetro/milímetros; "
        "kg = kilo/kilos; g = gramo/gramos; "
        "mg = miligramo/miligramos; t = f:tonelada/toneladas; l = litro/litros; ml = mililitro/mililitros; km/h "
        "= kilómetro por hora/kilómetros por hora; "
        "°C = grado Celsius/grados Celsius; ° C = grado Celsius/grados Celsius; ° = grado/grados; ha = "
        "f:hectárea/hectáreas; "
        "km² = kilómetro cuadrado/kilómetros cuadrados; m² = metro cuadrado/metros cuadrados; m³ = metro "
        "cúbico/metros cúbicos; "
        "kW = kilovatio/kilovatios; min = minuto/minutos; h = f:hora/horas; % = por ciento; ‰ = por mil"
    ),
    currencies=_pairs(
        "€ = euro/euros; EUR = euro/euros; $ = dólar/dólares; £ = f:libra/libras; pts. = f:peseta/pesetas; "
        "ptas. = f:peseta/pesetas; rs. = real/reales"
    ),
    symbols=_pairs(
        "& = y; + = más; = = igual a; ± = más menos; × = por; § = párrafo; "
        "≈ = aproximadamente; ≤ = menor o igual que; ≥ = mayor o igual que; ≠ = distinto de; ÷ = dividido por; "
        "√ = raíz de; ∞ = infinito"
    ),
    fractions=_pairs("1/2 = medio; 1/3 = un tercio; 2/3 = dos tercios; 1/4 = un cuarto; 3/4 = tres cuartos"),
    and_fractions=_pairs("1/2 = y medio; 1/4 = y cuarto; 3/4 = y tres cuartos; 1/3 = y un tercio; 2/3 = y dos tercios"),
    comma="coma",
    minus="menos",
    to="a",
    of_cents="con",
    months="enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre",
    counters="capítulo|libro|tomo|parte|acto|escena|canto|volumen|carta|artículo|sección|lámina|salmo|jornada|número|clase",
    century="siglo",
    rulers="Felipe|Carlos|Alfonso|Fernando|Enrique|Isabel|Juan|Pedro|Luis|Sancho|Ramiro|Jaime|Napoleón|Pío|León|Gregorio|"
    "Clemente|Urbano|Inocencio|Pablo|Alejandro|Guillermo|Jorge|Eduardo|Francisco|Benedicto|Julio|Sixto|Catalina|Federico|Ricardo",
    ruler="ordinal",
    hours="",
)

ITALIAN = Language(
    titles=_pairs(
        """
        sig. = signor; Sig. = signor; sig.ra = signora; Sig.ra = signora; sig.na = signorina; sigg. = signori
        Sigg. = signori; dott. = dottor
        Dott. = dottor; dott.ssa = dottoressa; Dott.ssa = dottoressa; dr. = dottor; Dr. = dottor; prof. = professor
        Prof. = professor
        prof.ssa = professoressa; Prof.ssa = professoressa; ing. = ingegner; Ing. = ingegner; avv. = avvocato
        Avv. = avvocato; on. = onorevole
        On. = onorevole; arch. = architetto; geom. = geometra; rag. = ragionier; gen. = general; col. = colonnello
        cap. = capitano
        S. = San; Ss. = Santi; mons. = monsignor; Mons. = monsignor; card. = cardinal; Card. = cardinal
        cav. = cavalier; comm. = commendator
        """
    ),
    phrases=_pairs(
        """
        ecc. = eccetera; etc. = eccetera; p. es. = per esempio; p.es. = per esempio; ad es. = ad esempio
        a.C. = avanti Cristo; d.C. = dopo Cristo
        a. C. = avanti Cristo; d. C. = dopo Cristo; ca. = circa; cfr. = confronta; c.so = corso; p.zza = piazza
        P.zza = piazza; v.le = viale
        tel. = telefono; Tel. = telefono; S.p.A. = società per azioni; S.r.l. = S R L; f.lli = fratelli
        F.lli = fratelli; q.b. = quanto basta
        n.b. = nota bene; N.B. = nota bene; P.S. = post scriptum; u.s. = ultimo scorso; gent.mo = gentilissimo
        egr. = egregio; Egr. = egregio
        S. M. = Sua Maestà; S. E. = Sua Eccellenza; S. A. = Sua Altezza; S. S. = Sua Santità; V. S. = vossignoria
        Ill.mo = illustrissimo; Ill.ma = illustrissima; Ecc.mo = eccellentissimo; Rev.mo = reverendissimo
        spett. = spettabile; Spett. = spettabile; min. = minuti; sec. = secolo; sgg. = seguenti; ss. = seguenti
        art. = articolo
        """
    ),
    before_numbers=_pairs(
        "pag. = pagina; pagg. = pagine; p. = pagina; pp. = pagine; n. = numero; N. = numero; nr. = numero; vol. "
        "= volume; cap. = capitolo; "
        "art. = articolo; fig. = figura; § = paragrafo; tav. = tavola; lib. = libro; v. = verso; sec. = secolo"
    ),
    units=_pairs(
        "km = chilometro/chilometri; m = metro/metri; cm = centimetro/centimetri; mm = millimetro/millimetri; "
        "kg = chilo/chili; g = grammo/grammi; "
        "mg = milligrammo/milligrammi; t = f:tonnellata/tonnellate; l = litro/litri; ml = "
        "millilitro/millilitri; km/h = chilometro all'ora/chilometri all'ora; "
        "°C = grado Celsius/gradi Celsius; ° C = grado Celsius/gradi Celsius; ° = grado/gradi; ha = ettaro/ettari; "
        "km² = chilometro quadrato/chilometri quadrati; m² = metro quadrato/metri quadrati; m³ = metro "
        "cubo/metri cubi; "
        "kW = chilowatt; min = minuto/minuti; h = f:ora/ore; % = per cento; ‰ = per mille"
    ),
    currencies=_pairs("€ = euro; EUR = euro; $ = dollaro/dollari; £ = f:sterlina/sterline; L. = f:lira/lire"),
    symbols=_pairs(
        "& = e; + = più; = = uguale a; ± = più o meno; × = per; § = paragrafo; "
        "≈ = circa; ≤ = minore o uguale a; ≥ = maggiore o uguale a; ≠ = diverso da; ÷ = diviso; √ = radice di; "
        "∞ = infinito"
    ),
    fractions=_pairs("1/2 = mezzo; 1/3 = un terzo; 2/3 = due terzi; 1/4 = un quarto; 3/4 = tre quarti"),
    and_fractions=_pairs("1/2 = e mezzo; 1/4 = e un quarto; 3/4 = e tre quarti; 1/3 = e un terzo; 2/3 = e due terzi"),
    comma="virgola",
    minus="meno",
    to="a",
    of_cents="e",
    months="gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
    counters="capitolo|libro|tomo|parte|atto|scena|canto|volume|lettera|articolo|sezione|tavola|salmo|classe|numero",
    century="secolo",
    rulers="Carlo|Umberto|Vittorio|Emanuele|Pio|Leone|Giovanni|Paolo|Clemente|Urbano|Luigi|Enrico|Filippo|Ferdinando|Federico|"
    "Napoleone|Gregorio|Innocenzo|Alessandro|Benedetto|Giulio|Sisto|Caterina|Elisabetta|Guglielmo|Giorgio|Edoardo|Francesco|Cosimo",
    ruler="ordinal",
    hours="",
)

PORTUGUESE = Language(
    titles=_pairs(
        """
        Sr. = senhor; Sra. = senhora; Sr.ª = senhora; Srs. = senhores; Sras. = senhoras; Srta. = senhorita
        Dr. = doutor; Dra. = doutora
        Drs. = doutores; D. = dom; Prof. = professor; Profa. = professora; Eng. = engenheiro
        V. Ex.ª = vossa excelência; V. Exa. = vossa excelência
        S. = São; Sto. = Santo; Sta. = Santa; Pe. = padre; P.e = padre; Fr. = frei; Gen. = general; Cap. = capitão
        Cel. = coronel; Ten. = tenente
        Exmo. = excelentíssimo; Exma. = excelentíssima; Ilmo. = ilustríssimo; Mons. = monsenhor
        """
    ),
    phrases=_pairs(
        """
        etc. = et cetera; p. ex. = por exemplo; p.ex. = por exemplo; aprox. = aproximadamente
        a.C. = antes de Cristo; d.C. = depois de Cristo
        a. C. = antes de Cristo; d. C. = depois de Cristo; séc. = século; sécs. = séculos; Av. = avenida
        av. = avenida; tel. = telefone
        Tel. = telefone; Cia. = companhia; Ltda. = limitada; S.A. = S A; EUA = Estados Unidos; N.B. = nota bene
        P.S. = pós-escrito; máx. = máximo
        S. M. = Sua Majestade; V. M. = Vossa Majestade; S. A. = Sua Alteza; V. Exa. = vossa excelência
        V. Ex.ª = vossa excelência; Sr. = senhor; Sra. = senhora; Dr. = doutor; Exmo. = excelentíssimo
        mín. = mínimo; dir. = direita; esq. = esquerda; ed. = edição; depto. = departamento; obs. = observação
        Obs. = observação; cf. = confira
        """
    ),
    before_numbers=_pairs(
        "pág. = página; págs. = páginas; p. = página; pp. = páginas; n.º = número; nº = número; N.º = número; "
        "núm. = número; vol. = volume; "
        "t. = tomo; cap. = capítulo; art. = artigo; fig. = figura; § = parágrafo; liv. = livro; v. = verso"
    ),
    units=_pairs(
        "km = quilômetro/quilômetros; m = metro/metros; cm = centímetro/centímetros; mm = milímetro/milímetros; "
        "kg = quilo/quilos; g = grama/gramas; "
        "mg = miligrama/miligramas; t = f:tonelada/toneladas; l = litro/litros; ml = mililitro/mililitros; km/h "
        "= quilômetro por hora/quilômetros por hora; "
        "°C = grau Celsius/graus Celsius; ° C = grau Celsius/graus Celsius; ° = grau/graus; ha = hectare/hectares; "
        "km² = quilômetro quadrado/quilômetros quadrados; m² = metro quadrado/metros quadrados; m³ = metro "
        "cúbico/metros cúbicos; "
        "kW = quilowatt/quilowatts; min = minuto/minutos; h = f:hora/horas; % = por cento; ‰ = por mil"
    ),
    currencies=_pairs(
        "R$ = real/reais; € = euro/euros; EUR = euro/euros; US$ = dólar/dólares; $ = dólar/dólares; £ = f:libra/libras"
    ),
    symbols=_pairs(
        "& = e; + = mais; = = igual a; ± = mais ou menos; × = vezes; § = parágrafo; "
        "≈ = aproximadamente; ≤ = menor ou igual a; ≥ = maior ou igual a; ≠ = diferente de; ÷ = dividido por; "
        "√ = raiz de; ∞ = infinito"
    ),
    fractions=_pairs("1/2 = meio; 1/3 = um terço; 2/3 = dois terços; 1/4 = um quarto; 3/4 = três quartos"),
    and_fractions=_pairs(
        "1/2 = e meio; 1/4 = e um quarto; 3/4 = e três quartos; 1/3 = e um terço; 2/3 = e dois terços"
    ),
    comma="vírgula",
    minus="menos",
    to="a",
    of_cents="e",
    months="janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro",
    counters="capítulo|livro|tomo|parte|ato|acto|cena|canto|volume|carta|artigo|secção|seção|salmo|classe|número",
    century="século",
    rulers="João|Pedro|Afonso|Luís|Manuel|Sebastião|Filipe|Carlos|Henrique|Fernando|Maria|José|Miguel|Dinis|Sancho|Duarte|"
    "Napoleão|Pio|Leão|Gregório|Paulo|Clemente|Urbano|Guilherme|Jorge|Eduardo|Francisco|Bento|Júlio|Isabel|Catarina|Frederico",
    ruler="ordinal",
    hours="",
)

DUTCH = Language(
    titles=_pairs(
        """
        dhr. = de heer; Dhr. = de heer; mevr. = mevrouw; Mevr. = mevrouw; mw. = mevrouw; Mw. = mevrouw
        mej. = mejuffrouw; Mej. = mejuffrouw
        dr. = dokter; Dr. = dokter; prof. = professor; Prof. = professor; ir. = ingenieur; ing. = ingenieur
        mr. = meester; Mr. = meester
        ds. = dominee; Ds. = dominee; drs. = doctorandus; St. = Sint; Z.M. = Zijne Majesteit; H.M. = Hare Majesteit
        gen. = generaal
        kol. = kolonel; kap. = kapitein; lt. = luitenant; burg. = burgemeester; gebr. = gebroeders
        Gebr. = gebroeders; past. = pastoor
        """
    ),
    phrases=_pairs(
        """
        enz. = enzovoort; etc. = et cetera; bijv. = bijvoorbeeld; b.v. = bijvoorbeeld; bv. = bijvoorbeeld
        d.w.z. = dat wil zeggen; o.a. = onder andere
        m.a.w. = met andere woorden; n.l. = namelijk; nl. = namelijk; ca. = circa; a.u.b. = alstublieft
        z.o.z. = zie ommezijde; i.p.v. = in plaats van
        m.b.t. = met betrekking tot; t.o.v. = ten opzichte van; v.Chr. = voor Christus; n.Chr. = na Christus
        v. Chr. = voor Christus; n. Chr. = na Christus
        m.i. = mijns inziens; t.a.v. = ter attentie van; incl. = inclusief; excl. = exclusief
        resp. = respectievelijk; ong. = ongeveer; vgl. = vergelijk
        zgn. = zogenaamd; jl. = jongstleden; a.s. = aanstaande; pct. = procent; e.d. = en dergelijke
        c.q. = casu quo; i.v.m. = in verband met
        t/m = tot en met; tel. = telefoon; str. = straat; fl. = gulden; mln. = miljoen; mld. = miljard
        H. M. = Hare Majesteit; Z. M. = Zijne Majesteit; Z. K. H. = Zijne Koninklijke Hoogheid; H.M. = Hare Majesteit
        Z.M. = Zijne Majesteit
        o.l.v. = onder leiding van; m.n. = met name
        """
    ),
    before_numbers=_pairs(
        "blz. = bladzijde; p. = pagina; pp. = pagina's; pag. = pagina; nr. = nummer; nrs. = nummers; no. = "
        "nummer; No. = nummer; dl. = deel; "
        "hfst. = hoofdstuk; hfdst. = hoofdstuk; art. = artikel; afb. = afbeelding; § = paragraaf; "
        "jrg. = jaargang; vs. = vers; bd. = band"
    ),
    units=_pairs(
        "km = kilometer; m = meter; cm = centimeter; mm = millimeter; kg = kilo; g = gram; mg = milligram; t = "
        "ton; l = liter; ml = milliliter; "
        "km/u = kilometer per uur; km/h = kilometer per uur; °C = graden Celsius; ° C = graden Celsius; ° = "
        "graden; ha = hectare; "
        "km² = vierkante kilometer; m² = vierkante meter; m³ = kubieke meter; kW = kilowatt; min = "
        "minuut/minuten; % = procent; ‰ = promille"
    ),
    currencies=_pairs("€ = euro; EUR = euro; $ = dollar; £ = pond; f = gulden; ƒ = gulden; fl. = gulden"),
    symbols=_pairs(
        "& = en; + = plus; = = is; ± = plus minus; × = keer; § = paragraaf; "
        "≈ = ongeveer; ≤ = kleiner dan of gelijk aan; ≥ = groter dan of gelijk aan; ≠ = ongelijk aan; "
        "÷ = gedeeld door; √ = wortel uit; ∞ = oneindig"
    ),
    fractions=_pairs("1/2 = een half; 1/3 = een derde; 2/3 = twee derde; 1/4 = een kwart; 3/4 = drie kwart"),
    and_fractions=_pairs(
        "1/2 = en een half; 1/4 = en een kwart; 3/4 = en drie kwart; 1/3 = en een derde; 2/3 = en twee derde"
    ),
    comma="komma",
    minus="min",
    to="tot",
    of_cents="",
    months="januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december",
    counters="hoofdstuk|boek|deel|bedrijf|toneel|tooneel|zang|brief|artikel|psalm|klasse|plaat|nummer|band|akte|scène",
    century="eeuw",
    rulers="Karel|Willem|Lodewijk|Hendrik|Filips|Frederik|Jan|Johan|Napoleon|Pius|Leo|Gregorius|Paulus|Clemens|Urbanus|George|"
    "Eduard|Jacobus|Elizabeth|Catharina|Leopold|Albert|Boudewijn|Maximiliaan|Ferdinand|Jozef|Alexander|Nicolaas|Gustaaf|Richard",
    ruler="the",
    hours="uur",
)

LANGUAGES = {"de": GERMAN, "fr": FRENCH, "es": SPANISH, "it": ITALIAN, "pt": PORTUGUESE, "nl": DUTCH}
