"""The grammar of the rails: the name, what is said besides it, and narrations of no rail."""

from __future__ import annotations

import polars as pl
import pytest

from rules.rails import RAILS, with_parsed
from tests.rules.scenarios import decide_one, shown

Read = tuple[str | None, str | None, str]


def parsed(*narrations: str) -> list[Read]:
    """Rail, name and what is said of each narration."""
    lines = pl.LazyFrame({"narration": list(narrations)}, schema={"narration": pl.String})
    read = lines.pipe(with_parsed, "narration").select("rail", "_name", "_said").collect()
    return read.rows()


READ: list[tuple[str, Read]] = [
    # Zenith: from a bank, the sender third; a remark keeps its slashes.
    ("NIP/GTB/KOLATIDE FOODS LTD/INV-7 PAYMENT", ("nip", "KOLATIDE FOODS LTD", "INV-0 PAYMENT")),
    ("NIP/GTB/ADA OBIORADI/USSD/X//Y", ("nip", "ADA OBIORADI", "USSD/X//Y")),
    ("NIP/GTB/ADA OBIORADI/", ("nip", "ADA OBIORADI", "")),
    ("NIP/GTB/ADA OBIORADI", ("nip", "ADA OBIORADI", "")),
    ("nip/gtb/ada obioradi/gift", ("nip", "ada obioradi", "gift")),
    ("FT/UBA/SAHELIA PLC/consultancy", ("nip", "SAHELIA PLC", "consultancy")),
    ("MOB/UTO/SAHELIA PLC/INV-7/4411", ("nip", "SAHELIA PLC", "INV-0/0")),
    # Zenith outgoing, although it says CR: the receiver second, or third after MOB.
    ("NIP CR/ADA OBIORADI/GTB", ("nip_out", "ADA OBIORADI", "GTB")),
    ("NIP CR/MOB/ADA OBIORADI/GTB RENT", ("nip_out_mobile", "ADA OBIORADI", "GTB RENT")),
    # Zenith inflows: the payer second.
    ("CIP CR/ SAHELIA PLC/CONTRACT SUM", ("inflow", " SAHELIA PLC", "CONTRACT SUM")),
    ("NISS INFLOW/SAHELIA PLC/SETTLEMENT", ("inflow", "SAHELIA PLC", "SETTLEMENT")),
    # Sterling, FCMB.
    (
        "NIP From 000012 GTB PAYREF:9 SENDER: SAHELIA PLC REMARK: INV-7 part",
        ("nip_sender", " SAHELIA PLC ", " INV-0 part"),
    ),
    ("NIP From 000012 GTB SENDER: SAHELIA PLC", ("nip_sender", " SAHELIA PLC", "")),
    ("NIP FRM SAHELIA PLC-INV-7 settlement", ("nip_from", "SAHELIA PLC", "INV-0 settlement")),
    ("NIP FRM SAHELIA PLC", ("nip_from", "SAHELIA PLC", "")),
    (
        "TRF FRM SAHELIA PLC TO TOLU BAMIDURO BEING PAYMENT",
        ("transfer_to", "SAHELIA PLC", "TOLU BAMIDURO BEING PAYMENT"),
    ),
    ("web: TRF Frm SAHELIA PLC/invoice 12", ("transfer", "SAHELIA PLC", "invoice 0")),
    ("TRF From SAHELIA PLC", ("transfer_bare", "SAHELIA PLC", "")),
    # A name that only a blank parts from the remark ends at a digit or at a word of purpose.
    ("TRF FROM SAHELIA PLC INV-7", ("transfer_bare", "SAHELIA PLC", "INV-0")),
    ("TRF FROM SAHELIA PLC PAYMENT OF RENT", ("transfer_bare", "SAHELIA PLC", "PAYMENT OF RENT")),
    ("TRF FROM PAYMENTWISE PLC", ("transfer_bare", "PAYMENTWISE PLC", "")),
    # GTBank: the remark stands before the name.
    ("VIA GAPS 551 SUBSCRIPTION FROM SAHELIA PLC", ("gaps", "SAHELIA PLC", "0 SUBSCRIPTION1")),
    (
        "TRANSFER BETWEEN CUSTOMERS COB TRF FROM SAHELIA PLC INV-7",
        ("between_customers", "SAHELIA PLC", " COB TRF1INV-0"),
    ),
    ("OUTWARD TRANSFER TO GTB - SAHELIA PLC REFUND INV-7", ("outward", "SAHELIA PLC", "REFUND INV-0")),
    # The number is needed: without it nobody can tell where the name begins.
    ("NIBSS Instant Payment Outward 000013 ADA OBIORADI", ("instant_outward", "ADA OBIORADI", "")),
    # UBA glues the words; cash.
    ("NXG :TRFPaymentforCementFRMADAOBIORADI", ("glued", "ADAOBIORADI", "PaymentforCement1")),
    ("CSH DEPOSIT BY:ADA OBIORADI|IKEJA", ("cash_by", "ADA OBIORADI", "IKEJA")),
    ("Deposit Cash (Local Currency)- ADA OBIORADI", ("cash", " ADA OBIORADI", "")),
]


@pytest.mark.parametrize(("narration", "read"), READ)
def test_each_rail_says_who_and_what(narration: str, read: Read) -> None:
    assert parsed(narration) == [read]


def test_every_rail_has_its_example_above() -> None:
    assert {read[0] for _, read in READ} == {rail.name for rail in RAILS}


@pytest.mark.parametrize(
    "narration",
    [
        "",
        "STAMP DUTY CHARGE",
        "PAYMENT FROM SAHELIA PLC",
        "SNIP/GTB/ADA OBIORADI/GIFT",
        "NIP/GTB",  # nobody is named
        "NIP",
        "FT UBA SAHELIA",
        "NIBSS Instant Payment Outward ADA OBIORADI",
        "Rvsl:NIP/GTB/ADA OBIORADI/GIFT",
        "OUTWARD TRANSFER TO GTB",
    ],
)
def test_a_narration_that_fits_no_rail_names_nobody(narration: str) -> None:
    (read,) = parsed(narration)
    assert read[1] is None


def test_narrations_of_many_rails_are_read_beside_each_other_in_their_order() -> None:
    assert parsed(*(narration for narration, _ in READ)) == [read for _, read in READ]


def test_no_narrations_give_nothing() -> None:
    assert parsed() == []


# What follows for a decision


def test_the_explicit_counterparty_goes_before_the_one_that_the_rail_names() -> None:
    assert decide_one("NIP/GTB/ADA OBIORADI/hello")["counterparty"] == "ADA OBIORADI"
    assert decide_one("NIP/GTB/ADA OBIORADI/hello", counterparty="SAHELIA PLC")["counterparty"] == "SAHELIA PLC"
    assert decide_one("NIP/GTB/ADA OBIORADI/hello", counterparty="  ")["counterparty"] == "ADA OBIORADI"


def test_an_empty_name_is_nobody() -> None:
    assert decide_one("NIP/GTB/ /hello")["counterparty"] is None


def test_a_rails_own_words_are_no_remark() -> None:
    outward = decide_one("NIBSS Instant Payment Outward 000013 ADA OBIORADI", direction="debit")
    assert "business_term" not in shown(outward)
    assert outward["counterparty"] == "ADA OBIORADI"


def test_terms_are_looked_for_in_the_remark_and_never_in_the_name() -> None:
    assert "personal_term" not in shown(decide_one("NIP/GTB/GIFT OBIORADI/hello"))
    assert "personal_term" not in shown(decide_one("NIP/GTB/GIFT OBIORADI/from GIFT OBIORADI"))
    assert "personal_term" in shown(decide_one("NIP/GTB/GIFT OBIORADI/a gift"))


def test_where_no_rail_fits_all_of_the_narration_is_remark() -> None:
    said = decide_one("a gift from ADA")
    assert (said["rail"], said["personal_term"], said["personal_at"]) == (None, "gift*", "remark word 2")


def test_description_and_tags_are_remark_too() -> None:
    assert decide_one("NIP/GTB/ADA OBIORADI/x", description="a GIFT")["personal_at"] == "remark word 3"
    assert decide_one("NIP/GTB/ADA OBIORADI/x", tags=["food", "birthday"])["personal_term"] == "birthday"


def test_no_term_reaches_from_one_part_of_the_remark_into_the_next() -> None:
    apart = decide_one("NIP/GTB/ADA OBIORADI/pocket", description="money", tags=["chop", "money"])
    assert "personal_term" not in shown(apart)
    assert "personal_term" not in shown(decide_one("VIA GAPS POCKET FROM MONEY"))


def test_companies_are_looked_for_in_the_name_or_where_nobody_is_named_in_the_narration() -> None:
    named = decide_one("NIP/GTB/SAHELIA PLC/hello")
    assert (named["company_term"], named["company_at"]) == ("plc", "party word 2")
    assert "company_term" not in shown(decide_one("NIP/GTB/ADA OBIORADI/for SAHELIA PLC"))
    assert "company_term" in shown(decide_one("cheque of SAHELIA PLC"))


@pytest.mark.parametrize(
    ("narration", "description", "tags", "place"),
    [
        ("NIP/GTB/ADA OBIORADI/my gift", None, None, "remark word 2"),
        ("VIA GAPS 551 GIFT FROM ADA OBIORADI", None, None, "remark word 1"),
        ("VIA GAPS 551 FROM ADA OBIORADI", "a gift", None, "remark word 2"),
        ("NIP/GTB/ADA OBIORADI/", "7 gift", None, "remark word 1"),
        ("NIP/GTB/ADA OBIORADI/9", "7", ["8", "gift"], "remark word 1"),
        ("NIP/GTB/ADA OBIORADI/ADA OBIORADI", None, ["", "gift"], "remark word 1"),
        ("NIP/GTB/ADA OBIORADI/of ADA OBIORADI", "the", ["9", "gift"], "remark word 3"),
    ],
)
def test_words_are_counted_on_through_all_that_is_said_and_parts_without_words_are_none(
    narration: str, description: str | None, tags: list[str] | None, place: str
) -> None:
    found = decide_one(narration, description=description, tags=tags)
    assert (found["personal_term"], found["personal_at"]) == ("gift*", place)
