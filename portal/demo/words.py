"""Words that the demo's retailers, streets and shops are put together from.

Own lists; no name is taken from a real shop. Trades carry their merchant category code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """What a country's names are made of.

    ``fronts`` and ``backs`` make the first word of a name, ``trades`` the second with its
    MCC; ``company`` follows a legal name; ``streets`` take a house number, before it or
    behind it as ``address`` says.
    """

    fronts: tuple[str, ...]
    backs: tuple[str, ...]
    trades: tuple[tuple[str, str], ...]
    company: str
    streets: tuple[str, ...]
    postcode: str
    address: str = "{street} {number}"


WORDS = {
    "NO": Words(
        ("Havre", "Lyng", "Måke", "Bris", "Tyri", "Rogn", "Furu", "Hegg", "Snø", "Kveld", "Molte",
         "Orre", "Vinter", "Stein", "Brake", "Ørret"),
        ("kroken", "stua", "hjørnet", "loftet", "brygga", "bua", "tunet", "gløtten", "vika"),
        (("Bakeri", "5462"), ("Kafé", "5812"), ("Dagligvare", "5411"), ("Blomster", "5992"),
         ("Bokhandel", "5942"), ("Sport", "5941"), ("Spiseri", "5812"), ("Klær", "5651")),
        "AS",
        ("Storgata", "Kirkeveien", "Havnegata", "Skoleveien", "Torggata", "Bjørkeveien"),
        "9999",
    ),
    "FI": Words(
        ("Tuuli", "Koivu", "Lumi", "Sauna", "Kanerva", "Järvi", "Halla", "Kuura", "Pihlaja", "Käki",
         "Louhi", "Aamu", "Sade", "Tähti", "Mänty", "Suola"),
        ("kello", "lahti", "nurkka", "pirtti", "tupa", "piha", "polku", "rinne", "tori"),
        (("Kahvila", "5812"), ("Leipomo", "5462"), ("Ruoka", "5411"), ("Kukka", "5992"),
         ("Kirja", "5942"), ("Urheilu", "5941"), ("Lounas", "5814"), ("Vaate", "5651")),
        "Oy",
        ("Kauppakatu", "Asemakatu", "Rantatie", "Koulukatu", "Torikatu", "Mäntytie"),
        "99999",
    ),
    "SE": Words(
        ("Ling", "Björk", "Åska", "Hav", "Norr", "Gran", "Lärk", "Kvist", "Mossa", "Sommar", "Is",
         "Vind", "Rönn", "Dagg", "Hjort", "Sten"),
        ("hörnan", "boden", "stugan", "bryggan", "gläntan", "backen", "viken", "torpet"),
        (("Bageri", "5462"), ("Kafé", "5812"), ("Livs", "5411"), ("Blommor", "5992"),
         ("Böcker", "5942"), ("Sport", "5941"), ("Krog", "5812"), ("Kläder", "5651")),
        "AB",
        ("Storgatan", "Kyrkogatan", "Hamngatan", "Skolgatan", "Torggatan", "Björkvägen"),
        "999 99",
    ),
    "DK": Words(
        ("Lyng", "Bøge", "Måge", "Havre", "Klit", "Sol", "Rav", "Mose", "Hyben", "Vibe", "Strand",
         "Tang", "Ege", "Stær", "Regn", "Blæst"),
        ("hjørnet", "boden", "loftet", "gården", "bakken", "vigen", "krogen", "stuen"),
        (("Bageri", "5462"), ("Café", "5812"), ("Købmand", "5411"), ("Blomster", "5992"),
         ("Bøger", "5942"), ("Sport", "5941"), ("Spisehus", "5812"), ("Tøj", "5651")),
        "ApS",
        ("Algade", "Kirkegade", "Havnegade", "Skolevej", "Torvegade", "Birkevej"),
        "9999",
    ),
    "IS": Words(
        ("Lóu", "Hraun", "Jökul", "Norður", "Fífu", "Birki", "Sjávar", "Krumma", "Mosa", "Lyng"),
        ("horn", "kot", "stofan", "búðin", "bryggjan", "tún", "vík"),
        (("Bakarí", "5462"), ("Kaffi", "5812"), ("Matvörur", "5411"), ("Blóm", "5992"),
         ("Bækur", "5942"), ("Sport", "5941"), ("Föt", "5651")),
        "ehf.",
        ("Aðalgata", "Kirkjuvegur", "Hafnargata", "Skólavegur", "Strandgata"),
        "999",
    ),
    "AT": Words(
        ("Enzian", "Zirben", "Marillen", "Gams", "Föhn", "Kogel", "Lärchen", "Almen", "Hollunder",
         "Schnee", "Wachau", "Silber", "Nuss", "Murmel", "Tannen", "Kräuter"),
        ("eck", "hof", "stube", "laube", "winkel", "boden", "blick", "garten"),
        (("Bäckerei", "5462"), ("Kaffeehaus", "5812"), ("Feinkost", "5411"), ("Blumen", "5992"),
         ("Bücher", "5942"), ("Sport", "5941"), ("Wirtshaus", "5812"), ("Mode", "5651")),
        "GmbH",
        ("Hauptstraße", "Kirchengasse", "Bahnhofstraße", "Schulgasse", "Marktplatz", "Lindengasse"),
        "9999",
    ),
    "DE": Words(
        ("Heide", "Wacholder", "Kiebitz", "Möwen", "Linden", "Sanddorn", "Hafer", "Spree", "Föhren",
         "Nebel", "Anker", "Korn", "Efeu", "Amsel", "Sturm", "Kastanien"),
        ("eck", "hof", "stube", "laube", "winkel", "kontor", "speicher", "garten"),
        (("Bäckerei", "5462"), ("Café", "5812"), ("Feinkost", "5411"), ("Blumen", "5992"),
         ("Buchhandlung", "5942"), ("Sport", "5941"), ("Gasthaus", "5812"), ("Kleidung", "5651")),
        "GmbH",
        ("Hauptstraße", "Kirchstraße", "Bahnhofstraße", "Schulstraße", "Am Markt", "Lindenweg"),
        "99999",
    ),
    "SI": Words(
        ("Lipa", "Burja", "Breza", "Jelka", "Krasna", "Morje", "Sinica", "Rosa", "Zarja", "Hribi"),
        (" pri mostu", " na vogalu", " pod gradom", " ob reki", " za hribom", " pri vodnjaku"),
        (("Pekarna", "5462"), ("Kavarna", "5812"), ("Živila", "5411"), ("Cvetje", "5992"),
         ("Knjige", "5942"), ("Šport", "5941"), ("Gostilna", "5812"), ("Oblačila", "5651")),
        "d.o.o.",
        ("Glavna ulica", "Cerkvena ulica", "Kolodvorska ulica", "Šolska ulica", "Trg"),
        "9999",
    ),
    "ES": Words(
        ("Azahar", "Tomillo", "Levante", "Encina", "Gorrión", "Almendro", "Brisa", "Retama",
         "Cigüeña", "Salitre", "Higuera", "Romero", "Jara", "Marea", "Olivo", "Alondra"),
        (" del Sur", " Nuevo", " de la Plaza", " del Puerto", " Alto", " del Río", " Blanco"),
        (("Panadería", "5462"), ("Café", "5812"), ("Ultramarinos", "5411"), ("Flores", "5992"),
         ("Librería", "5942"), ("Deportes", "5941"), ("Taberna", "5812"), ("Moda", "5651")),
        "SL",
        ("Calle Mayor", "Calle de la Iglesia", "Calle del Puerto", "Plaza Nueva", "Calle Real"),
        "29999",
        "{street}, {number}",
    ),
    "PT": Words(
        ("Alecrim", "Maresia", "Sobreiro", "Andorinha", "Giesta", "Nortada", "Figueira",
         "Rosmaninho", "Gaivota", "Limoeiro", "Urze", "Amendoeira", "Cortiça", "Orvalho",
         "Medronho", "Salina"),
        (" do Cais", " Novo", " da Praça", " da Ribeira", " do Monte", " do Largo", " Azul"),
        (("Padaria", "5462"), ("Café", "5812"), ("Mercearia", "5411"), ("Flores", "5992"),
         ("Livraria", "5942"), ("Desporto", "5941"), ("Tasca", "5812"), ("Moda", "5651")),
        "Lda",
        ("Rua Direita", "Rua da Igreja", "Rua do Cais", "Largo do Rossio", "Rua Nova"),
        "9999-999",
        "{street}, {number}",
    ),
}  # fmt: skip
