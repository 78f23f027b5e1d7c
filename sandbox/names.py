"""Invented Nigerian names, companies, banks and goods, and the drawing of them.

Holds word pools and `Draw`, which picks from them with a given `random.Random`. Must not hold narration shapes
(narrations.py) or anything about a real person or firm: names are put together at random from common parts.
"""

import random
from collections.abc import Sequence
from datetime import date
from math import exp
from statistics import NormalDist
from typing import Final, NamedTuple

GIFT_NAMES: Final = (
    "GIFT",
    "CHARITY",
    "BLESSING",
    "FAVOUR",
    "PATIENCE",
    "PRECIOUS",
    "GRACE",
    "MERCY",
    "JOY",
    "PROMISE",
)

GIVEN_NAMES: Final = (
    *(
        "ADAOBI",
        "AISHA",
        "AYOMIDE",
        "BABATUNDE",
        "BALA",
        "BOLANLE",
        "CHIAMAKA",
        "CHIDI",
        "CHINEDU",
        "CHIOMA",
        "DAMILOLA",
    ),
    *("DANJUMA", "EBUKA", "EFE", "EMEKA", "ENIOLA", "ESTHER", "FATIMA", "FOLAKE", "FUNMILAYO", "HADIZA", "HALIMA"),
    *("IBRAHIM", "IDRIS", "IFEOMA", "IFEANYI", "IKENNA", "INIOBONG", "ITUNU", "JUMOKE", "KABIRU", "KEHINDE", "KELECHI"),
    *("KUNLE", "LADI", "LARABA", "LOVETH", "MARYAM", "MUSA", "NGOZI", "NKECHI", "NNEKA", "OBINNA", "OLUCHI", "OLUMIDE"),
    *("OSAGIE", "OSARO", "OYINKAN", "RASHEED", "REMILEKUN", "SADE", "SALISU", "SEGUN", "SIMISOLA", "SUNDAY", "TAIWO"),
    *("TAMUNO", "TARI", "TEMITOPE", "TERNA", "TOBENNA", "TOLULOPE", "TUNDE", "UCHENNA", "UDUAK", "USMAN", "UYAI"),
    *("WALE", "YAKUBU", "YETUNDE", "YINKA", "ZAINAB", "ZIKORA", "GIFT", "CHARITY", "BLESSING", "FAVOUR"),
)

FAMILY_NAMES: Final = (
    *("ABANIKWE", "ABDULKADRI", "ADEBANWO", "ADEKITAN", "ADELOWAN", "AFOLARIN", "AGBODIKE", "AJIBOLADE", "AKANDUNI"),
    *(
        "AKINTOBI",
        "AKPANUDO",
        "ALIYUDA",
        "AMADIKWE",
        "AMINUDO",
        "ANYADIBE",
        "AREMUKO",
        "ASUQUOBI",
        "ATIKUMA",
        "AYODABO",
    ),
    *("BABALAKIN", "BAMIDURO", "BANKOLADE", "BASSEYIN", "BELLOMA", "CHUKWUDEBE", "DADARIN", "DANLAMIJI", "DUROJAYE"),
    *(
        "EDETOBI",
        "EKANEMUDO",
        "EKWUNIFE",
        "ELECHIBE",
        "EMENIKWU",
        "ESEZOBO",
        "ETIMUDO",
        "EZEANOBI",
        "FALOMOYE",
        "FASHOBI",
    ),
    *("GARBADI", "GBADEROLA", "HARUNAJI", "IBEKWUNA", "IDOWULA", "IGBINOVEN", "IHEANADU", "IKPEMOBI", "ILORIMADE"),
    *("INYANGUDO", "ISMAILADI", "IWUCHUKA", "JAIYEOLU", "JIBRILU", "KALUDIKE", "KOLAWADE", "LAMIDIRO", "LAWALSON"),
    *("MADUEKA", "MBADIKE", "MOHAMMADU", "NDUBUEZE", "NNAMADIM", "NWACHIDE", "NWOKEABIA", "OBASEYI", "OBIORADI"),
    *("ODEWUYI", "OFOEGBUNAM", "OGBONIKE", "OGUNDARE", "OJUKOTUN", "OKAFUDIKE", "OKEZIEM", "OKONADU", "OKPARAIBE"),
    *("OLADEWA", "OLAWUNBI", "OMOREGBEN", "ONYEDIKA", "ORJIAKO", "OSADEBAYE", "OTUYELU", "OYEBODUN", "SALAMIDE"),
    *(
        "SANUSIRO",
        "SHITTUBA",
        "SOBANDE",
        "TANIMOLA",
        "TERWASE",
        "UDOKANG",
        "UGOCHIBE",
        "UMEODIKA",
        "UZODIKE",
        "YUSUFARI",
    ),
)

COMPANY_STEMS: Final = (
    *("ZUMARI", "KOLATIDE", "OBANTARA", "BRIGHTPATH", "GREENHEDGE", "SAHELIA", "DELTACREST", "RIVERGATE", "IROKOTREE"),
    *("PALMGROVE", "NORTHQUAY", "SUNBASIN", "EKOBRIDGE", "LAGOONSIDE", "KADUNARA", "BENUELINE", "SAVANNEX", "HARMATTA"),
    *("COPPERLEAF", "BLUEBARGE", "GOLDENAXLE", "UMUNNORA", "AROSTAR", "OSUNLINK", "JOSPEAK", "ABAKRAFT", "TERRAMILL"),
    *("QUORVEX", "NOVAGRID", "PRIMEHAUL", "CASTLEROOF", "STERNWOOD", "MEGADRILL", "ALPHABAKE", "TRIDENTA", "VISTAPRO"),
)

COMPANY_SECTORS: Final = (
    *(
        "AGRO",
        "FOODS",
        "LOGISTICS",
        "ENGINEERING",
        "PHARMACY",
        "CONSULTING",
        "MEDIA",
        "ENERGY",
        "PROPERTIES",
        "TEXTILES",
    ),
    *("TECHNOLOGIES", "BUILDERS", "CATERING", "PRINTS", "MOTORS", "MARINE", "POULTRY", "SECURITY", "TRAVELS", "HOTELS"),
    *("PROFESSIONAL SERVICES", "INTEGRATED SERVICES", "OIL AND GAS", "BUILDING MATERIALS", "MEDICAL"),
)

COMPANY_KINDS: Final = (
    *(("LTD",) * 7),
    *(("LIMITED",) * 6),
    *(("PLC",) * 3),
    *(("ENTERPRISES",) * 4),
    *(("VENTURES",) * 4),
    *(("NIG LTD",) * 4),
    *("NIGERIA LIMITED", "NIGERIA LTD", "ENTERPRISE", "GLOBAL VENTURES", "GLOBAL RESOURCES LTD", "AND SONS LTD"),
    *("& SONS LTD", "& SONS NIG LTD", "& SONS ENTERPRISES", "& CO LIMITED", "INTERNATIONAL LTD", "CONCEPTS LTD"),
    *("INVESTMENT LTD", "MULTI VENTURES", "& SONS"),
)


class Bank(NamedTuple):
    """A bank as rails write it, as Mono writes it, and its code (None where Mono has none)."""

    short: str
    name: str
    code: str | None


BANKS: Final = (
    Bank("GTB", "GTBank", "058"),
    Bank("ZENITH", "Zenith Bank", "057"),
    Bank("FBN", "First Bank", "011"),
    Bank("UBA", "United Bank for Africa", "033"),
    Bank("ACCESS", "Access Bank", "044"),
    Bank("STERLING", "Sterling Bank", "232"),
    Bank("FCMB", "FCMB", "214"),
    Bank("FIDELITY", "Fidelity Bank", "070"),
    Bank("WEMA", "Wema Bank", "035"),
    Bank("UNION", "Union Bank", "032"),
    Bank("STANBIC", "Stanbic IBTC Bank", "221"),
    Bank("ECOBANK", "Ecobank Nigeria", "050"),
    Bank("POLARIS", "Polaris Bank", "076"),
    Bank("KEYSTONE", "Keystone Bank", "082"),
    Bank("PROVIDUS", "Providus Bank", "101"),
    Bank("KUDA", "Kuda", "50211"),
    Bank("MONIEPOINT", "Moniepoint", "50515"),
    Bank("OPAY", "OPay", None),
)
BANK_SHORTS: Final = tuple(bank.short for bank in BANKS)

GOODS: Final = (
    *("Cement", "RoofingSheets", "Generator", "Printing", "Diesel", "OfficeChairs", "Laptops", "Tyres", "Tiles"),
    *("Uniforms", "Fertilizer", "SolarPanels", "Catering", "CarHire", "Paint", "IronRods", "Wifi", "Poultryfeed"),
)

MONTHS: Final = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)

# Quantiles of a log-normal distribution around 1, a thousand of them: amounts are many small ones and few large ones.
_SKEW: Final = tuple(exp(1.1 * NormalDist().inv_cdf((place + 0.5) / 1000)) for place in range(1000))

_ALPHANUMERIC: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Draw:
    """Draws invented words and numbers from one `random.Random`; the same state draws the same words."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._random = rng.random

    def below(self, bound: int) -> int:
        """Draw a whole number from 0 up to, not including, `bound`."""
        return int(self._random() * bound)

    def pick(self, pool: Sequence[str]) -> str:
        """Draw one entry of `pool`."""
        return pool[int(self._random() * len(pool))]

    def skewed(self, middle: int, most: int) -> int:
        """Draw a whole number, half of the time below `middle`, seldom far above it, never above `most`."""
        return min(most, int(middle * _SKEW[int(self._random() * 1000)] * (0.9 + 0.2 * self._random())))

    def digits(self, length: int) -> str:
        """Draw a number of `length` digits that does not begin with 0."""
        lowest = 10 ** (length - 1)
        return str(lowest + int(self._random() * 9 * lowest))

    def person(self) -> str:
        """Draw a person's name: mostly given then family, sometimes three names or family first."""
        given, family, form = self.pick(GIVEN_NAMES), self.pick(FAMILY_NAMES), self._random()
        if form < 0.65:
            return f"{given} {family}"
        if form < 0.85:
            return f"{family} {given} {self.pick(GIVEN_NAMES)}"
        return f"{family} {given}" if form < 0.97 else f"{family}, {given}"

    def person_given_gift(self) -> str:
        """Draw a person whose given name is also an everyday word, such as Gift or Charity."""
        return f"{self.pick(GIFT_NAMES)} {self.pick(FAMILY_NAMES)}"

    def person_glued(self) -> str:
        """Draw a person's name written without blanks."""
        return self.pick(GIVEN_NAMES) + self.pick(FAMILY_NAMES)

    def person_company(self) -> str:
        """Draw the company account of a relative: a family name and what the firm does."""
        kind = self.pick(("PROFESSIONAL SERVICES", "VENTURES", "ENTERPRISES", "FOODS LTD", "AND SONS LTD"))
        return f"{self.pick(FAMILY_NAMES)} {kind}"

    def company(self) -> str:
        """Draw a company's name, now and then one that begins with a person's name."""
        form = self._random()
        kind = self.pick(COMPANY_KINDS)
        if form < 0.1 or "SONS" in kind:
            return f"{self.pick(FAMILY_NAMES)} {kind}"
        stem = self.pick(GIFT_NAMES) if form < 0.14 else self.pick(COMPANY_STEMS)
        return f"{stem} {self.pick(COMPANY_SECTORS)} {kind}"

    def bank(self) -> str:
        """Draw a bank's short name."""
        return self.pick(BANK_SHORTS)

    def goods(self) -> str:
        """Draw a kind of goods, without blanks."""
        return self.pick(GOODS)

    def number(self) -> str:
        """Draw a number of 4 to 10 digits, as rails put into a narration."""
        return self.digits(4 + self.below(7))

    def session(self) -> str:
        """Draw a NIP session id: 30 digits."""
        return "000" + self.digits(27)

    def terminal(self) -> str:
        """Draw a terminal id: 8 letters and digits."""
        return "2" + "".join([self.pick(_ALPHANUMERIC) for _ in range(7)])

    def phone(self) -> str:
        """Draw a number in the freephone range, which belongs to no person."""
        return "0800" + self.digits(7)


def written_date(draw: Draw, day: date) -> str:
    """Write `day` as one of the forms that rails use; never with a slash, which separates fields."""
    form = draw.below(3)
    if form == 0:
        return day.strftime("%d-%m-%Y")
    return day.strftime("%Y%m%d") if form == 1 else day.isoformat()


def short_holder(draw: Draw, holder: str) -> str:
    """Shorten an account holder's name as banks do: the first two words, or the first and an initial."""
    words = holder.replace(",", "").split()
    return " ".join(words[:2]) if draw.below(2) else f"{words[0]} {words[-1][0]}"
