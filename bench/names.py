"""Invented names at bench size: many thousands of persons and companies put together from syllables, by a seed.

Holds the pools that narrations and list entries draw from. Must not hold a real person's or firm's name on purpose:
every name is made of random syllables, but for the given names that are also words (Gift, Charity).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_ONSETS = (
    "b",
    "ch",
    "d",
    "f",
    "g",
    "gb",
    "h",
    "j",
    "k",
    "kp",
    "l",
    "m",
    "n",
    "nw",
    "ob",
    "r",
    "s",
    "sh",
    "t",
    "w",
    "y",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "a", "o", "ia")
_ENDS = ("", "", "", "n", "m", "ra", "de", "ke")
_GIFTS = ("GIFT", "CHARITY", "BLESSING", "FAVOUR", "PATIENCE", "GRACE", "MERCY", "JOY")
_SECTORS = (
    *("AGRO", "FOODS", "LOGISTICS", "ENGINEERING", "PHARMACY", "CONSULTING", "MEDIA", "ENERGY", "PROPERTIES", "MARINE"),
    *("TECHNOLOGIES", "BUILDERS", "CATERING", "PRINTS", "MOTORS", "POULTRY", "SECURITY", "TRAVELS", "OIL AND GAS"),
)
_KINDS = (
    *("LTD", "LIMITED", "PLC", "ENTERPRISES", "VENTURES", "NIG LTD", "NIGERIA LIMITED", "GLOBAL RESOURCES LTD"),
    *("& SONS LTD", "INTERNATIONAL LTD", "CONCEPTS LTD", "AND CO"),
)


@dataclass(frozen=True)
class Pools:
    """The names that a bench draws from, in capitals as banks write them."""

    persons: list[str]
    gifted: list[str]
    glued: list[str]
    companies: list[str]
    family_firms: list[str]


def _word(rng: random.Random, syllables: int) -> str:
    return (
        "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)).upper() + rng.choice(_ENDS).upper()
    )


def pools(seed: int, persons: int = 100_000, companies: int = 30_000) -> Pools:
    """Make the pools; the same seed and sizes give the same names."""
    rng = random.Random(seed)
    given = [_word(rng, rng.randint(2, 3)) for _ in range(1_500)]
    family = [_word(rng, rng.randint(2, 4)) for _ in range(6_000)]

    def person() -> str:
        names = [rng.choice(given), rng.choice(family)]
        if rng.random() < 0.35:
            names.append(rng.choice(given))
        return " ".join(names)

    return Pools(
        persons=[person() for _ in range(persons)],
        gifted=[f"{rng.choice(_GIFTS)} {rng.choice(family)}" for _ in range(persons // 10)],
        glued=[rng.choice(given) + rng.choice(family) for _ in range(persons // 10)],
        companies=[f"{_word(rng, 3)} {rng.choice(_SECTORS)} {rng.choice(_KINDS)}" for _ in range(companies)],
        family_firms=[f"{rng.choice(family)} PROFESSIONAL SERVICES" for _ in range(companies // 10)],
    )
