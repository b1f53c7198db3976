"""Invented words: names, places, plates, and ways to reach nobody.

Mail goes to example.org (RFC 2606 section 3). Telephone numbers come from the five ranges that the
Bundesnetzagentur never assigns (Rufnummern für Medienproduktionen, Mitteilung 148/2021, Amtsblatt
7/2021).
"""

import random

from rpcbackend.store.students import fold

PHONE_RANGES = ("+493023125", "+496990009", "+494066969", "+492214710", "+498999998")
"""Each is followed by three digits, 000 to 999."""

TOWN = "00000 Musterstadt"
"""The town of every demo branch: there is no such postal code, so it marks the demo school."""

BRANCHES = (
    "Lindenplatz",
    "Hafenstraße",
    "Am Stadtwald",
    "Bahnhof",
    "Mühlenweg",
    "Südring",
    "Alte Börse",
    "Fliederhof",
)

PLACES = (
    "Home",
    "School gate",
    "Bahnhof, exit north",
    "Lindenplatz, tram stop",
    "Sports hall",
    "University library",
    "Work: Café Kränzchen",
)

CARS = (
    ("Volkswagen", "Golf"),
    ("Škoda", "Octavia"),
    ("Opel", "Astra"),
    ("Mini", "Cooper"),
    ("Audi", "A3"),
    ("Citroën", "C4"),
)
MOTORCYCLES = (("Honda", "CB500F"), ("Yamaha", "MT-07"))
LORRIES = (("MAN", "TGL 12.250"),)

CALLER = ("Zoë", "Brückner")
"""Who rings the desk in the demo: always the first student, active, born on a leap day."""

EDGE_NAMES = (
    CALLER,
    ("Siân", "O'Connor"),
    ("小明", "王"),
    ("ليلى", "حداد"),
    ("נועה", "לוי"),
    ("美咲", "佐藤"),
    ("Jürgen", "Groß"),
    ("N'Golo", "D'Angelo-Müller"),
    ("Łukasz", "Żółkiewski"),
    ("María José", "Ñáñez de la Peña"),
    ("Nguyễn", "Thị Hương"),
    ("Wolfeschlegelstein", "Hausenbergerdorff von und zu Oberammerquell"),
)
"""Names that break careless programs: the first students bear them."""

GIVEN_NAMES = (
    *("Mia", "Emma", "Lina", "Hanna", "Ida", "Frieda", "Greta", "Johanna", "Leni", "Clara"),
    *("Paula", "Marie", "Jule", "Nele", "Pia", "Svenja", "Ronja", "Käthe", "Bärbel", "Zoé"),
    *("Ben", "Paul", "Finn", "Jonas", "Emil", "Anton", "Theo", "Oskar", "Karl", "Moritz"),
    *("Jannik", "Lasse", "Bjørn", "Sören", "Jörg", "Günther", "Matthis", "Till", "Nils", "Ole"),
    *("Aylin", "Elif", "Emre", "Can", "Yağmur", "Zeynep", "Ahmet", "Leila", "Samir", "Amira"),
    *("Agnieszka", "Piotr", "Zofia", "Milan", "Jovana", "Đorđe", "Ivana", "Olena", "Dmytro"),
    *("Chloé", "René", "Siobhán", "Inês", "João", "Linh", "Minh", "Priya", "Arjun", "Amina"),
)

FAMILY_NAMES = (
    *("Ahlers", "Brandt", "Claußen", "Dörfler", "Ebert", "Färber", "Grünwald", "Hübner", "Iversen"),
    *("Jäger", "Köhler", "Löwe", "Möller", "Nußbaum", "Öztürk", "Pfeiffer", "Quandt", "Rößler"),
    *("Schäfer", "Tiedemann", "Uhlig", "Vößing", "Weiß", "Zöllner", "Althaus", "Birkenfeld"),
    *("Dittmar", "Eichhorn", "Fuchsberger", "Gerlach", "Heidenreich", "Immel", "Junghans"),
    *("Kirchner", "Lorenzen", "Mertens", "Niehaus", "Oswald", "Petersen", "Rademacher"),
    *("Steinbrink", "Thalbach", "Ulrichs", "Vogelsang", "Wiesner", "von der Heide", "zu Berge"),
    *("Yıldız", "Kaya", "Şahin", "Kowalska", "Nowak", "Horvat", "Petrović", "Kovalenko"),  # noqa: RUF001 (Turkish has two)
    *(
        "Nguyen",
        "Tran",
        "Haddad",
        "Rossi",
        "D'Amico",
        "Lefèvre",
        "O'Neill",
        "Fernández",
        "Sørensen",
    ),
)


def full_name(number: int, bits: random.Random) -> tuple[str, str]:
    """Return the given and family name of the student with this number, from 0."""
    if number < len(EDGE_NAMES):
        return EDGE_NAMES[number]
    return bits.choice(GIVEN_NAMES), bits.choice(FAMILY_NAMES)


def email(given_name: str, family_name: str, number: int) -> str:
    """Return an address that reaches nobody."""
    words = (_letters(given_name), _letters(family_name), str(number))
    return ".".join(word for word in words if word) + "@example.org"


def phone(number: int) -> str:
    """Return a telephone number that reaches nobody; the five thousand come round again."""
    area, last = divmod(number, 1_000)
    return f"{PHONE_RANGES[area % len(PHONE_RANGES)]}{last:03}"


def plate(number: int) -> str:
    """Return the plate of the vehicle with this number, from 0."""
    return f"MU-FS {101 + number}"


def _letters(name: str) -> str:
    return "".join(char for char in fold(name) if char.isascii() and char.isalpha())
