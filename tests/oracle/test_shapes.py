"""The labelled shapes of real narrations, filled with invented names: both readers agree, the shipped policy is good."""

# ruff: noqa: E501 - tables of names read best a row a line

from __future__ import annotations

import csv
import random
from collections.abc import Callable

import pytest

from tests.oracle.cases import NOW, POLICIES, Trap, credit, debit
from tests.oracle.product import differences, oracle_says, product_says
from tests.oracle.reader import Account, read_policy
from tests.oracle.test_equivalence import SHAPES, said

BANKS = (
    "GTB",
    "ZENITH",
    "FBN",
    "UBA",
    "ACCESS",
    "STERLING",
    "WEMA",
    "KUDA",
    "OPAY",
    "PALMPAY",
    "FCMB",
    "MONIEPOINT",
    "UNION BANK",
)
GIVEN = (
    "ADA", "EMEKA", "NGOZI", "TUNDE", "FOLASADE", "IBRAHIM", "ZAINAB", "CHIDI", "AMAKA", "SEGUN", "HALIMA", "OBINNA", "YETUNDE", "MUSA", "KEMI",
)  # fmt: skip
FAMILY = (
    "OBI", "OKORO", "ADEYEMI", "BELLO", "EZE", "BASSEY", "OKAFOR", "LAWAL", "UDO", "NWOSU", "OJO", "DANJUMA", "ETIM", "AKINOLA", "ONUOHA",
)  # fmt: skip
GIFTED = ("GIFT", "CHARITY", "BLESSING", "FAVOUR", "LOVE", "PEACE", "MERCY", "GOODLUCK")
TRADES = (
    "{} VENTURES", "{} LTD", "{} NIGERIA LIMITED", "{} ENTERPRISES", "{} GLOBAL RESOURCES LTD", "{} PLC", "{} STORES", "{} AND SONS LTD",
    "{} AGRO FARMS", "{} PHARMACY", "{} HOTELS LTD", "{} ENGINEERING SERVICES LTD", "{} INVESTMENT LTD", "{} FOODS NIG LTD",
)  # fmt: skip
MONTHS = ("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER")
GOODS = ("Cement", "Rice", "Diesel", "Tyres", "Roofing", "Laptops", "Chairs")
HOLDER = "OLUWATOBI ADEKUNLE FASHOLA"


def person(pick: random.Random) -> str:
    return f"{pick.choice(GIVEN)} {pick.choice(GIVEN)} {pick.choice(FAMILY)}"


FILLERS: dict[str, Callable[[random.Random], str]] = {
    "BANK": lambda pick: pick.choice(BANKS),
    "COMPANY": lambda pick: pick.choice(TRADES).format(
        f"{pick.choice(FAMILY)} {pick.choice(GIVEN)}"[: pick.randrange(8, 16)].strip()
    ),
    "PERSON_COMPANY": lambda pick: f"{pick.choice(FAMILY)} PROFESSIONAL SERVICES",
    "PERSON": person,
    "PERSON_GIVEN_GIFT": lambda pick: f"{pick.choice(GIFTED)} {pick.choice(FAMILY)}",
    "PERSON_GLUED": lambda pick: person(pick).replace(" ", ""),
    "REF": lambda pick: f"{pick.choice(('INV-', 'INV', 'PO-', 'SI/', 'KB-'))}{pick.randrange(100, 99999)}",
    "N": lambda pick: str(pick.randrange(100, 99999)),
    "HOLDER": lambda _: HOLDER,
    "HOLDER_SHORT": lambda _: "FASHOLA OLUWATOBI",
    "TERMINAL": lambda pick: f"2{pick.choice(BANKS)[:3]}{pick.randrange(1000, 9999)}",
    "DATE": lambda pick: f"202602{pick.randrange(10, 28)}",
    "SESSION": lambda pick: f"000013{pick.randrange(10**11, 10**12)}",
    "GOODS": lambda pick: pick.choice(GOODS),
    "MONTH": lambda pick: pick.choice(MONTHS),
    "PHONE": lambda pick: f"080{pick.randrange(10**7, 10**8)}",
}


def filled(shape: str, pick: random.Random) -> str:
    """The shape with its places filled; every place with the same name gets the same text."""
    for name, fill in FILLERS.items():
        if f"{{{name}}}" in shape:
            shape = shape.replace(f"{{{name}}}", fill(pick))
    assert "{" not in shape, shape
    return shape


def lines(seed: int, each: int) -> list[tuple[str, bool, Trap]]:
    """Shape, whether it is business, and a line of that shape."""
    pick = random.Random(seed)
    with SHAPES.open(encoding="utf-8") as file:
        shapes = list(csv.DictReader(file))
    made = []
    for shape in shapes:
        for _ in range(each):
            amount = int(10 ** pick.uniform(5.3, 8.5))  # NGN 2,000 to 3 million
            side = credit if shape["direction"] == "credit" else debit
            trap = Trap(
                "shape", side(filled(shape["shape"], pick), amount), "?", "shipped", Account("acc", holder=HOLDER)
            )
            made.append((shape["shape"], shape["label"] == "business", trap.placed(len(made))))
    return made


def measured(said_eligible: list[tuple[str, bool, bool]]) -> tuple[float, float, list[str]]:
    """Precision and recall weighted equally by shape, and the shapes that fail outright."""
    by_shape: dict[tuple[str, bool], list[bool]] = {}
    for shape, business, eligible in said_eligible:
        by_shape.setdefault((shape, business), []).append(eligible)
    share = {key: sum(found) / len(found) for key, found in by_shape.items()}
    right = sum(part for (_, business), part in share.items() if business)
    wrong = sum(part for (_, business), part in share.items() if not business)
    outright = [shape for (shape, business), part in share.items() if part == (0.0 if business else 1.0)]
    return right / (right + wrong), right / sum(business for _, business in share), outright


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_shipped_policy_is_precise_and_misses_little_on_the_labelled_shapes(seed: int) -> None:
    made, policy = lines(seed, 10), read_policy(POLICIES["shipped"])
    precision, recall, outright = measured(
        [(shape, business, oracle_says(trap, policy)["outcome"] == "eligible") for shape, business, trap in made]
    )
    assert precision >= 0.98, (precision, outright)
    assert recall >= 0.95, (recall, outright)
    assert not outright


def test_the_product_is_as_precise_on_the_labelled_shapes() -> None:
    made = lines(4, 20)
    answers = product_says([trap for *_, trap in made], "shipped", NOW)
    said_eligible = [
        (shape, business, answers[str(trap.row["id"])]["outcome"] == "eligible") for shape, business, trap in made
    ]
    precision, recall, outright = measured(said_eligible)
    assert precision >= 0.98, (precision, outright)
    assert recall >= 0.95, (recall, outright)
    assert not outright


@pytest.mark.parametrize("policy", ["shipped", "spec", "plain", "stars", "fixed_words"])
def test_both_readers_say_the_same_of_the_labelled_shapes(policy: str) -> None:
    found = differences([trap for *_, trap in lines(5, 6)], policy)
    assert not found, said(found)
