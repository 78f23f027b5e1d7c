"""Hostile cases for the rules: named traps with the answer worked out by hand, and generators of more.

Holds no reading of its own: a trap is a raw upstream row, the circumstances (account, policy, entries, invoices) and
the detail that domain sections 2 to 4 give it. Every trap has its own organisation, so that all of a policy's traps
can be decided in one frame. All names are invented.
"""

# ruff: noqa: E501, RUF001 - the letters that mislead are the point, and tables of cases read best a case a line

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.oracle.reader import Account, Entry

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOLDER = "IFEANYI OBINNA CHUKS"
ACCOUNT = Account("acc", holder=HOLDER)
ABOVE = 5_000_000  # minor units: well above every floor here
FLOOR = 100_000

# ------------------------------------------------------------------------------------------------ policies

_POINTS = "[points]\nbusiness_term = 60\nreference = 80\ncompany = 30\nat_or_above_floor = 20\nminimum = 50\n"
_BUSINESS = '["invoice*", "payment*", "contract*", "subscription*", "settlement*", "part pymt", "fitting*"]'
_PERSONAL = '["family", "gift*", "personal", "allowance*", "loan*", "charity", "blessing", "favour", "salary", "pocket money", "upkeep"]'
_COMPANY = '["ltd", "limited", "plc", "enterprise*", "ventures"]'


def _policy(
    *,
    reference: str = "",
    floor: str = '"1000"',
    currencies: str = '["NGN"]',
    business: str = _BUSINESS,
    personal: str = _PERSONAL,
    refund: str = '["refund*"]',
    reversal: str = '["reversal", "rvsl", "rsvl", "rev"]',
    company: str = _COMPANY,
    boilerplate: str = '["nibss instant payment*"]',
    points: str = _POINTS,
    days: int = 14,
) -> str:
    pattern = f"pattern = '{reference}'\n" if reference else ""
    return (
        f'name = "trap"\n[currency]\ninvoice = {currencies}\n[floor]\nNGN = {floor}\n'
        f"[reference]\n{pattern}must_exist = false\n[terms]\nbusiness = {business}\npersonal = {personal}\n"
        f"refund = {refund}\nreversal = {reversal}\ncompany = {company}\nboilerplate = {boilerplate}\n"
        f"{points}[pending]\ndays = {days}\n"
    )


SPEC_POLICY = r"""
name = "ng-default"
[currency]
invoice = ["NGN"]              # currencies the tenant invoices in
[floor]                        # major units, by currency
NGN = "1000"
[reference]
pattern = '^INV-\d+$'          # optional
must_exist = false
[terms]                        # section 2 of domain.md
business = ["invoice*", "payment*", "contract*", "subscription*", "settlement*"]
personal = ["family", "gift*", "personal", "allowance*", "loan*", "charity"]
refund = ["refund*"]
reversal = ["reversal", "rvsl", "rsvl", "rev"]
company = ["ltd", "limited", "plc", "enterprise*", "ventures"]
boilerplate = ["nibss instant payment*"]
[points]
business_term = 60
reference = 80
company = 30
at_or_above_floor = 20
minimum = 50
[pending]
days = 14
[settlement]
tolerance = "0"                # major units
name_similarity = 95
[settlement.reference_part]    # one table a strategy of section 5
action = "link"                # link, suggest, reject or off
[settlement.customer_exact]
action = "link"
days_before_issue = 10
days_after_due = 60
"""

POLICIES: dict[str, str] = {
    "shipped": 'name = "as-shipped"\n',
    "spec": SPEC_POLICY,
    "plain": _policy(),
    "pattern": _policy(reference=r"^INV-\d+$"),
    "any_case": _policy(reference=r"(?i)^inv-\d+$"),
    "loose": _policy(reference=r"INV-\d+"),
    "stars": _policy(
        business='["*payment*", "*voice", "supply*", "bags of *"]'.replace('"bags of *"', '"bags of rice*"'),
        personal='["*alawi*", "chop* money", "*gift card*", "loan*"]',
        refund='["*refund*"]',
        company='["*ltd", "*ventures*"]',
        boilerplate='["nibss instant payment*", "fbnmobile*", "cob trf"]',
    ),
    "zero_floor": _policy(floor='"0"'),
    "kobo_floor": _policy(floor='"1000.50"'),
    "huge_minimum": _policy(points=_POINTS.replace("minimum = 50", "minimum = 170")),
    "odd_points": _policy(
        points="[points]\nbusiness_term = 1\nreference = 2\ncompany = 4\nat_or_above_floor = 8\nminimum = 12\n"
    ),
    "nothing_counts": _policy(
        points="[points]\nbusiness_term = 0\nreference = 0\ncompany = 0\nat_or_above_floor = 0\nminimum = 0\n"
    ),
    "currencies": _policy(currencies='["NGN", "GHS", "KES", "ZAR"]'),
    "whole_job": _policy(reference=r"^INV-\d+$", currencies='["NGN", "GHS"]'),
    "patient": _policy(days=30),
    "no_words": _policy(business="[]", personal="[]", refund="[]", reversal="[]", company="[]", boilerplate="[]"),
    "tongues": _policy(
        business='["ìsanwó", "ọ̀yà", "ụgwọ ọrụ", "δόσης", "оплата*", "straße"]',
        personal='["ẹ̀bùn", "ego nri", "onyinye*"]',
        company='["ilé-iṣẹ́"]'.replace("ilé-iṣẹ́", "ilé iṣẹ́"),
    ),
    "fixed_words": _policy(
        business='["inflow", "gaps", "sender", "payref", "remark", "outward", "nip", "trf", "frm", "deposit by", "web", "nxg", "cip"]',
        boilerplate="[]",
    ),
}


# ------------------------------------------------------------------------------------------------ traps


@dataclass(frozen=True)
class Trap:
    """One hostile row, its circumstances and the detail worked out by hand."""

    name: str
    row: dict[str, object]
    detail: str
    policy: str = "plain"
    account: Account = ACCOUNT
    entries: tuple[Entry, ...] = ()
    invoices: tuple[str, ...] = ()
    counterparty: str | None = "?"  # "?": not said by hand
    reference: str | None = "?"
    score: int | None = None

    def placed(self, place: int) -> Trap:
        """The same trap in an organisation of its own."""
        organization = f"org{place}"
        account = replace(self.account, organization_id=organization, account_id=f"acc{place}")
        entries = tuple(
            replace(
                entry,
                organization_id=organization if entry.organization_id == "org" else entry.organization_id + str(place),
                account_id=entry.account_id and (account.account_id if entry.account_id == "acc" else entry.account_id),
                entry_id=f"{organization}-{number}",
            )
            for number, entry in enumerate(self.entries)
        )
        return replace(self, account=account, entries=entries, row={**self.row, "id": f"t{place}"})


def credit(narration: str | None, amount: int = ABOVE, **more: object) -> dict[str, object]:
    """A settled credit of 20 February, above the floor unless said otherwise."""
    return {"narration": narration, "amount": amount, "type": "credit", "date": "2026-02-20T09:30:00.000Z", **more}


def debit(narration: str | None, amount: int = ABOVE, **more: object) -> dict[str, object]:
    """A settled debit of 20 February."""
    return {**credit(narration, amount, **more), "type": "debit"}


BUSINESS, LOW, PERSONAL = "business_signal", "low_confidence", "personal_keyword"

_WORDS: list[tuple[str, str, str]] = [
    # name, narration (a credit above the floor, no rail), detail
    ("digits_separate", "REF2248PAYMENT", BUSINESS),
    ("digits_on_both_sides", "22payment48", BUSINESS),
    ("underscore_separates", "web_payment_app", BUSINESS),
    ("sloane_is_no_loan", "Sloane and Partners", LOW),
    ("balloon_is_no_loan", "BALLOON ORDER", LOW),
    ("loans_is_loan_star", "LOANS", PERSONAL),
    ("loan_between_digits", "1LOAN1", PERSONAL),
    ("ussd_airtime_is_glued", "USSDAirtime", LOW),
    ("prepayment_does_not_start_with_it", "PREPAYMENT FOR RENT", LOW),
    ("repayment_does_not_start_with_it", "repayment", LOW),
    ("payments_plural", "Payments", BUSINESS),
    ("invoiced", "INVOICED", BUSINESS),
    ("proinvoice", "proinvoice", LOW),
    ("in_voice_is_two_words", "in-voice", LOW),
    ("digit_inside_a_word_splits_it", "pay2ment", LOW),
    ("pocket_money_hyphen", "POCKET-MONEY", PERSONAL),
    ("pocket_money_underscore", "pocket_money", PERSONAL),
    ("pocket_money_digits_between", "pocket 2,000 money", PERSONAL),
    ("pocket_money_tab_between", "POCKET \t MONEY", PERSONAL),
    ("pocket_money_newline_between", "POCKET\nMONEY", PERSONAL),
    ("pocket_money_symbols_between", "pocket ~*[]()!? money", PERSONAL),
    ("pocket_money_no_break_space", "POCKET\u00a0MONEY", PERSONAL),
    ("pocketmoney_is_glued", "pocketmoney", LOW),
    ("pocket_the_money", "pocket the money", LOW),
    ("money_pocket_is_another_order", "money pocket", LOW),
    ("pocket_alone", "pocket", LOW),
    ("pockets_money", "pockets money", LOW),
    ("pocket_pocket_money", "pocket pocket money", PERSONAL),
    ("part_pymt_term", "PART/PYMT", BUSINESS),
    ("family_is_whole", "FAMILY", PERSONAL),
    ("families_is_another_word", "families", LOW),
    ("family_s", "family's", PERSONAL),
    ("family_slash_friends", "FAMILY/FRIENDS", PERSONAL),
    ("personally_is_another_word", "personally", LOW),
    ("gifted_is_gift_star", "gifted", PERSONAL),
    ("regift_does_not_start_with_it", "regift", LOW),
    ("personal_beats_business", "payment gift", PERSONAL),
    ("salary_beats_payment", "Salary payment for JUNE", PERSONAL),
    ("full_width_payment", "ＰＡＹＭＥＮＴ", BUSINESS),
    ("full_width_loan", "ｌｏａｎ", PERSONAL),
    ("circled_letters", "ⓅⒶⓎⓂⒺⓃⓉ", BUSINESS),
    ("mathematical_bold", "𝐏𝐀𝐘𝐌𝐄𝐍𝐓", BUSINESS),
    ("ligature_fi", "ﬁttings", BUSINESS),
    ("long_s", "ſubscription", BUSINESS),
    ("kelvin_sign", "upKeep".replace("K", "\u212a"), PERSONAL),
    ("turkish_dotted_capital", "İNVOICE", LOW),
    ("turkish_dotless_small", "ınvoice", LOW),
    ("accent_composed", "paym\u00e9nt", LOW),
    ("accent_combining", "payme\u0301nt", LOW),
    ("accent_at_the_end_of_a_starred_word", "payment\u0301", BUSINESS),
    ("accent_at_the_end_of_a_whole_word", "personal\u0301", LOW),
    ("dot_below_changes_the_letter", "lo\u1ea1n", LOW),
    ("dot_below_combining", "loan\u0323", LOW),
    ("mark_at_the_start_belongs_to_the_word", "\u0301payment", LOW),
    ("yoruba_beside_payment", "Ọ̀rẹ́ PAYMENT", BUSINESS),
    ("igbo_beside_gift", "Ụlọ GIFT", PERSONAL),
    ("hausa_hooked_letter_joins", "ɗpayment", LOW),
    ("zero_width_joiner_separates", "pay\u200dment", LOW),
    ("soft_hyphen_separates", "pay\u00adment", LOW),
    ("zero_width_space_between_terms_words", "pocket\u200bmoney", PERSONAL),
    ("emoji_separates", "PAYMENT🙂GIFT", PERSONAL),
    ("numero_sign_becomes_letters", "№PAYMENT", LOW),
    ("trade_mark_becomes_letters", "FAMILY™", LOW),
    ("trade_mark_behind_a_star", "LOAN™", PERSONAL),
    ("superscript_two_is_a_digit", "payment²", BUSINESS),
    ("roman_numeral_becomes_letters", "personalⅡ", LOW),
    ("feminine_ordinal_becomes_a_letter", "familyª", LOW),
    ("cyrillic_lookalike", "\u0440ayment", LOW),
    ("arabic_beside_payment", "دفع payment", BUSINESS),
    ("cjk_joins_the_word", "付payment", LOW),
    ("arabic_digits_separate", "١payment٢", BUSINESS),
    ("debtpaymentforwifi_has_no_boundary", "Debtpaymentforwifi", LOW),
    ("amp_is_a_word", "OKEKE  amp  SONS", LOW),
    ("amp_between_terms_words", "pocket amp money", LOW),
    ("ampersand_between_terms_words", "pocket & money", PERSONAL),
    ("company_in_unknown_counterparty", "ACME LTD SUPPLY", BUSINESS),
    ("company_plc_with_a_dot", "ZENON PLC.", BUSINESS),
    ("unlimited_is_no_company", "UNLIMITED DATA", LOW),
    ("enterprises", "OKORO ENTERPRISES", BUSINESS),
    ("the_rail_s_own_payment", "NIBSS Instant Payment Outward ADA OBI", LOW),
    ("the_rail_s_own_payments", "nibss instant payments", LOW),
    ("boilerplate_across_punctuation", "NIBSS-INSTANT/PAYMENT", LOW),
    ("boilerplate_and_a_real_payment", "NIBSS Instant Payment payment for rice", BUSINESS),
    ("half_a_boilerplate", "Instant Payment", BUSINESS),
    ("boilerplate_twice", "NIBSS INSTANT PAYMENT NIBSS INSTANT PAYMENT", LOW),
    ("null_narration", "", LOW),
    ("blank_narration", "   ", LOW),
    ("only_separators", "///---***", LOW),
    ("only_digits", "0123456789", LOW),
    ("pos_settlement_is_a_signal", "POS Settlement for 2UBA1234- 20260219", BUSINESS),
    ("reversal_mark", "Rvsl:PAYMENT", "reversal"),
    ("reversal_stars", "**Rev MC Loc POS", "reversal"),
    ("reversal_rsvl", "***RSVL SOMETHING", "reversal"),
    ("revenue_is_no_rev", "REVENUE PAYMENT", BUSINESS),
    ("rev_glued_to_digits", "REV20260219 PAYMENT", "reversal"),
    ("refund_received_is_nothing_special", "REFUND OF UR CASH", LOW),
    ("refund_received_with_a_business_term", "REFUND PAYMENT", BUSINESS),
    ("one_letter", "p", LOW),
    ("very_long_payment_at_the_end", "x " * 20_000 + "PAYMENT", BUSINESS),
    ("very_long_word", "x" * 50_000, LOW),
    ("very_long_slashes", "/" * 5_000 + "GIFT", PERSONAL),
]

# rail -> narration with a name and a remark; only grammars that the facts spell out
RAIL_FORMS: dict[str, str] = {
    "nip": "NIP/GTB/{name}/{remark}",
    "nip_lower": "nip/gtb/{name}/{remark}",
    "nip_cr": "NIP CR/{name}/GTB {remark}",
    "nip_cr_mob": "NIP CR/MOB/{name}/GTB {remark}",
    "cip": "CIP CR/ {name}/{remark}",
    "niss": "NISS INFLOW/{name}/{remark}",
    "gaps": "VIA GAPS 30221 {remark} FROM {name}",
    "sterling": "NIP From 000013260219 GTB PAYREF:99812 SENDER: {name} REMARK: {remark}",
    "fcmb_nip": "NIP FRM {name}-{remark}",
    "fcmb_trf": "TRF From {name}/{remark}",
    "fcmb_web": "web: TRF Frm {name}/{remark}",
    "fcmb_cash": "CSH DEPOSIT BY:{name}|{remark}",
    "nxg": "NXG :TRF{remark}FRM{name}",
}
GIVEN_NAMES = ("GIFT OKORO", "CHARITY EZE", "BLESSING ADEYEMI", "FAVOUR BASSEY")


def _rail_traps() -> list[Trap]:
    """Given names that are personal words: never looked for in the counterparty's name."""
    traps = []
    for number, (rail, form) in enumerate(RAIL_FORMS.items()):
        name = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        for remark, detail in (("PAYMENT", BUSINESS), ("SEPTEMBER", LOW), ("UPKEEP", PERSONAL)):
            narration = form.format(name=name, remark=remark)
            traps.append(Trap(f"{rail}_{name}_{remark}".lower(), credit(narration), detail, counterparty=name))
        narration = form.format(name="OKEKE VENTURES", remark="RICE")
        traps.append(Trap(f"{rail}_company", credit(narration), BUSINESS, counterparty="OKEKE VENTURES", score=50))
        fixed = form.format(name="ADA OBI", remark="RICE")
        traps.append(Trap(f"{rail}_fixed_words", credit(fixed), LOW, "fixed_words", counterparty="ADA OBI", score=20))
    return traps


_N = "NIP/GTB/{}/{}"


def _field_traps() -> list[Trap]:
    """Counterparty and remark: explicit fields, empty fields, description, tags."""
    t = Trap
    return [
        t(
            "nibss_with_number_knows_the_name",
            credit("NIBSS Instant Payment Outward 000013 ADA OBI"),
            LOW,
            counterparty="ADA OBI",
        ),
        t(
            "nibss_with_number_and_gift",
            credit("NIBSS Instant Payment Outward 000013 GIFT OBI"),
            LOW,
            counterparty="GIFT OBI",
        ),
        t(
            "nibss_without_number_is_unknown",
            credit("NIBSS Instant Payment Outward GIFT OBI"),
            PERSONAL,
            counterparty=None,
        ),
        t(
            "nibss_without_number_company_is_in_the_whole",
            credit("NIBSS Instant Payment Outward OBI LTD"),
            BUSINESS,
            counterparty=None,
        ),
        t(
            "nibss_with_number_small",
            credit("NIBSS Instant Payment Outward 000013 ADA OBI", 5_000),
            "below_floor_no_signal",
        ),
        t(
            "nibss_without_number_small",
            credit("NIBSS Instant Payment Outward ADA OBI", 5_000),
            "below_floor_no_counterparty",
        ),
        t("nip_empty_sender", credit("NIP/GTB//PAYMENT"), BUSINESS, counterparty=None),
        t(
            "nip_blank_sender_small",
            credit("NIP/GTB/  /PAYMENT", 5_000),
            "below_floor_no_counterparty",
            counterparty=None,
        ),
        t("nip_two_empty_fields", credit("NIP/GTB//"), LOW, counterparty=None),
        t("nip_all_empty", credit("NIP///", 5_000), "below_floor_no_counterparty", counterparty=None),
        t("nip_bank_only", credit("NIP/GTB", 5_000), "below_floor_no_counterparty", counterparty=None),
        t("nip_alone", credit("NIP", 5_000), "below_floor_no_counterparty", counterparty=None),
        t("nip_empty_sender_company_in_the_remark", credit("NIP/GTB//ACME LTD"), BUSINESS, counterparty=None, score=50),
        t("nip_company_in_the_remark_of_a_known_person", credit("NIP/GTB/ADA OBI/FOR ACME LTD"), LOW, score=20),
        t("nip_many_fields", credit("NIP/GTB/ADA OBI/A/B/C/PAYMENT"), BUSINESS, counterparty="ADA OBI"),
        t("nip_empty_remark", credit("NIP/FAIR/ADA OBI/"), LOW, counterparty="ADA OBI"),
        t("nip_leading_blanks", credit("   NIP/GTB/ADA OBI/PAYMENT"), BUSINESS, counterparty="ADA OBI"),
        t("nipple_is_no_rail", credit("NIPPLE/GTB/GIFT OBI/RICE"), PERSONAL, counterparty=None),
        t("snip_is_no_rail", credit("SNIP/GTB/GIFT OBI/RICE"), PERSONAL, counterparty=None),
        t("nip_company_term_in_the_bank", credit("NIP/ZENITH PLC/ADA OBI/RICE"), LOW, score=20),
        t(
            "paystack_salary",
            credit("NIP/STACK/Paystack/Salary payment for JUNE By ACME LTD"),
            PERSONAL,
            counterparty="Paystack",
        ),
        t(
            "services_in_a_name",
            credit("NIP/GTB/BELLO PROFESSIONAL CONTRACTS/ALAWI"),
            LOW,
            counterparty="BELLO PROFESSIONAL CONTRACTS",
        ),
        t("nip_full_width", credit("ＮＩＰ/GTB/GIFT OBI/PAYMENT"), BUSINESS, counterparty="GIFT OBI"),
        t("nxg_glued_remark", credit("NXG :TRFPaymentforCementFRMADAOBI"), BUSINESS, counterparty="ADAOBI"),
        t("nxg_glued_gift_name", credit("NXG :TRFPaymentforCementFRMGIFTOBI"), BUSINESS, counterparty="GIFTOBI"),
        t("cip_amp", credit("CIP CR/ OKEKE  amp  SONS LTD/RICE"), BUSINESS, score=50),
        t(
            "explicit_counterparty_beats_the_slot",
            credit(_N.format("OKEKE VENTURES", "RICE"), counterparty="ADA OBI"),
            LOW,
            counterparty="ADA OBI",
        ),
        t(
            "explicit_company",
            credit(_N.format("OKEKE VENTURES", "RICE"), counterparty="OKEKE VENTURES"),
            BUSINESS,
            counterparty="OKEKE VENTURES",
        ),
        t("explicit_company_small", credit("RICE", 5_000, counterparty="ACME LTD"), "below_floor_no_signal", score=30),
        t("explicit_gift_without_a_rail", credit("RICE", counterparty="GIFT OBI LTD"), BUSINESS, score=50),
        t("explicit_gift_inside_the_narration", credit("PAYMENT FROM GIFT OBI", counterparty="GIFT OBI"), BUSINESS),
        t(
            "explicit_blank_is_absent",
            credit(_N.format("OKEKE VENTURES", "RICE"), counterparty="   "),
            BUSINESS,
            counterparty="OKEKE VENTURES",
        ),
        t("explicit_null_is_absent", credit("RICE", 5_000, counterparty=None), "below_floor_no_counterparty"),
        t("term_only_in_the_description", credit("RICE", description="PAYMENT for rice"), BUSINESS),
        t("personal_only_in_the_description", credit("PAYMENT", description="birthday GIFT"), PERSONAL),
        t("boilerplate_in_the_description_stays", credit("RICE", description="NIBSS instant payment"), BUSINESS),
        t("company_in_the_description_is_no_company", credit("RICE", description="ACME LTD"), LOW),
        t("term_only_in_a_tag", credit("RICE", tags=["food", "invoice"]), BUSINESS),
        t("personal_only_in_a_tag", credit("PAYMENT", tags=["gift"]), PERSONAL),
        t("term_inside_one_tag", credit("RICE", tags=["pocket-money"]), PERSONAL),
        t("tags_with_blank_ones", credit("RICE", tags=["", " ", "PAYMENT"]), BUSINESS),
        t("tags_empty", credit("RICE", tags=[]), LOW),
        t("tags_null", credit("RICE", tags=None), LOW),
        t(
            "everything_null",
            credit(None, description=None, counterparty=None, reference=None, tags=None, currency=None, status=None),
            LOW,
        ),
        t("null_narration_business_description", credit(None, description="invoice 22"), BUSINESS),
        t("null_narration_small", credit(None, 5_000), "below_floor_no_counterparty"),
        t("stars_both_ends", credit("Debtpaymentforwifi"), BUSINESS, "stars"),
        t("stars_at_the_start", credit("PROVOICE"), BUSINESS, "stars"),
        t("stars_at_the_start_only", credit("VOICES"), LOW, "stars"),
        t("stars_inside_a_phrase", credit("CHOPPING MONEY"), PERSONAL, "stars"),
        t("stars_glued_alawi", credit("Partalawi"), PERSONAL, "stars"),
        t("stars_phrase_both_ends", credit("egift card"), PERSONAL, "stars"),
        t("stars_phrase_last_word_is_open", credit("egift cards"), PERSONAL, "stars"),
        t("stars_phrase_first_word_must_end_so", credit("gifts cards"), LOW, "stars"),
        t("stars_phrase_with_star_at_the_end", credit("20 bags of rices"), BUSINESS, "stars"),
        t("stars_company_glued", credit("NIP/GTB/ACMELTD/RICE"), BUSINESS, "stars"),
        t("stars_company_glued_not_at_the_end", credit("NIP/GTB/ACMELTDA/RICE"), LOW, "stars"),
        t("boilerplate_star_in_the_remark", credit("NIP/GTB/ADA OBI/FBNMOBILEpayment"), LOW, "stars"),
        t("boilerplate_two_words_in_the_remark", credit("NIP/GTB/ADA OBI/COB TRF loan"), PERSONAL, "stars"),
        t("yoruba_composed", credit("\u00ccSANW\u00d3"), BUSINESS, "tongues"),
        t("yoruba_decomposed", credit("I\u0300SANWO\u0301"), BUSINESS, "tongues"),
        t("yoruba_without_marks", credit("ISANWO"), LOW, "tongues"),
        t("yoruba_dot_below_and_tone", credit("Ẹ̀BÙN"), PERSONAL, "tongues"),
        t("yoruba_dot_below_and_tone_other_order", credit("E\u0300\u0323bu\u0300n"), PERSONAL, "tongues"),
        t("igbo_phrase", credit("ỤGWỌ-ỌRỤ"), BUSINESS, "tongues"),
        t("igbo_phrase_decomposed", credit("U\u0323GWO\u0323 O\u0323RU\u0323"), BUSINESS, "tongues"),
        t("igbo_personal_phrase", credit("ego 500 nri"), PERSONAL, "tongues"),
        t("igbo_starred", credit("Onyinyechukwu"), PERSONAL, "tongues"),
        t("greek_final_sigma", credit("ΔΌΣΗΣ"), BUSINESS, "tongues"),
        t("cyrillic_starred", credit("ОПЛАТАМИ"), BUSINESS, "tongues"),
        t("sharp_s", credit("STRAẞE"), BUSINESS, "tongues"),
        t("double_s_is_not_sharp_s", credit("STRASSE"), LOW, "tongues"),
        t("company_in_yoruba", credit("NIP/GTB/ILÉ IṢẸ́ ADA/x"), BUSINESS, "tongues", score=50),
        t("no_words_at_all", credit("PAYMENT ACME LTD"), LOW, "no_words"),
        t("no_words_debit", debit("REFUND"), "debit_not_refund", "no_words"),
        t("no_words_explicit_reference", credit("x", reference="X1"), BUSINESS, "no_words"),
    ]


def _money_traps() -> list[Trap]:
    """Floors, currencies, points."""
    person, company = _N.format("ADA OBI", "{}"), _N.format("ACME LTD", "RICE")
    t = Trap
    usd = Account("acc", holder=HOLDER, currency="USD")
    none = Account("acc", holder=HOLDER, currency=None)
    return [
        t("floor_minus_one_nothing", credit("RICE", FLOOR - 1), "below_floor_no_counterparty", score=0),
        t("floor_minus_one_term_unknown_name", credit("PAYMENT", FLOOR - 1), "below_floor_no_counterparty", score=60),
        t(
            "floor_minus_one_reference_unknown_name",
            credit("x", FLOOR - 1, reference="R1"),
            "below_floor_no_counterparty",
            score=80,
        ),
        t("floor_minus_one_person", credit(person.format("RICE"), FLOOR - 1), "below_floor_no_signal", score=0),
        t("floor_minus_one_company", credit(company, FLOOR - 1), "below_floor_no_signal", score=30),
        t("floor_minus_one_person_term", credit(person.format("PAYMENT"), FLOOR - 1), BUSINESS, score=60),
        t(
            "floor_minus_one_person_reference",
            credit(person.format("x"), FLOOR - 1, reference="R1"),
            BUSINESS,
            score=80,
        ),
        t("floor_exactly_nothing", credit("RICE", FLOOR), LOW, score=20),
        t("floor_exactly_term", credit("PAYMENT", FLOOR), BUSINESS, score=80),
        t("floor_exactly_company", credit(company, FLOOR), BUSINESS, score=50),
        t("floor_exactly_person", credit(person.format("RICE"), FLOOR), LOW, score=20),
        t("floor_plus_one", credit(company, FLOOR + 1), BUSINESS, score=50),
        t("one_kobo", credit("x", 1), "below_floor_no_counterparty"),
        t("very_large_amount", credit(company, 9_000_000_000_000_000), BUSINESS),
        t("all_signals", credit(_N.format("ACME LTD", "PAYMENT"), reference="R1"), BUSINESS, score=190),
        t("zero_floor_one_kobo", credit(company, 1), BUSINESS, "zero_floor", score=50),
        t("zero_floor_nothing", credit("RICE", 1), LOW, "zero_floor", score=20),
        t("kobo_floor_just_below", credit(company, 100_049), "below_floor_no_signal", "kobo_floor"),
        t("kobo_floor_exactly", credit(company, 100_050), BUSINESS, "kobo_floor"),
        t("huge_minimum_term_and_company", credit(_N.format("ACME LTD", "PAYMENT")), LOW, "huge_minimum", score=110),
        t(
            "huge_minimum_all",
            credit(_N.format("ACME LTD", "PAYMENT"), reference="R1"),
            BUSINESS,
            "huge_minimum",
            score=190,
        ),
        t(
            "huge_minimum_all_but_the_company",
            credit(_N.format("ADA OBI", "PAYMENT"), reference="R1"),
            LOW,
            "huge_minimum",
            score=160,
        ),
        t("odd_points_company_at_floor", credit(company), BUSINESS, "odd_points", score=12),
        t(
            "odd_points_term_and_reference",
            credit(person.format("PAYMENT"), reference="R1"),
            LOW,
            "odd_points",
            score=11,
        ),
        t("odd_points_below", credit(person.format("PAYMENT"), 5_000, reference="R1"), LOW, "odd_points", score=3),
        t("nothing_counts_nothing_needed", credit("RICE"), BUSINESS, "nothing_counts", score=0),
        t("nothing_counts_below", credit(person.format("RICE"), 5_000), "below_floor_no_signal", "nothing_counts"),
        t("line_currency_ngn", credit("PAYMENT", currency="NGN"), BUSINESS),
        t("line_currency_naira", credit("PAYMENT", currency="Naira"), BUSINESS),
        t("line_currency_usd", credit("PAYMENT", currency="USD"), "currency_not_invoiced"),
        t("line_currency_blank_has_the_account_s", credit("PAYMENT", currency=""), BUSINESS),
        t("account_usd_line_silent", credit("PAYMENT"), "currency_not_invoiced", account=usd),
        t("account_usd_line_ngn", credit("PAYMENT", currency="NGN"), BUSINESS, account=usd),
        t("account_silent_line_silent", credit("PAYMENT"), "currency_unknown", account=none),
        t("account_silent_line_ngn", credit("PAYMENT", currency="NGN"), BUSINESS, account=none),
        t("ghc_is_ghs", credit(person.format("PAYMENT"), currency="GHC"), BUSINESS, "currencies", score=60),
        t("ghs_is_ghs", credit(person.format("PAYMENT"), currency="GHS"), BUSINESS, "currencies", score=60),
        t("ksh_is_kes", credit(person.format("PAYMENT"), currency="KSH"), BUSINESS, "currencies", score=60),
        t("ghc_not_invoiced", credit("PAYMENT", currency="GHC"), "currency_not_invoiced"),
        t(
            "no_floor_person",
            credit(person.format("RICE"), 900_000_000, currency="ZAR"),
            "below_floor_no_signal",
            "currencies",
            score=0,
        ),
        t(
            "no_floor_unknown_name",
            credit("PAYMENT", 900_000_000, currency="ZAR"),
            "below_floor_no_counterparty",
            "currencies",
            score=60,
        ),
        t(
            "no_floor_company",
            credit(company, 900_000_000, currency="ZAR"),
            "below_floor_no_signal",
            "currencies",
            score=30,
        ),
        t(
            "no_floor_company_and_term",
            credit(_N.format("ACME LTD", "PAYMENT"), 9, currency="ZAR"),
            BUSINESS,
            "currencies",
            score=90,
        ),
        t(
            "no_floor_reference",
            credit(person.format("x"), 9, currency="ZAR", reference="R1"),
            BUSINESS,
            "currencies",
            score=80,
        ),
    ]


def _reference_traps() -> list[Trap]:
    """References, with and without a pattern."""
    t = Trap
    some = ("INV-2248", "2026/001", "A1", "PROFORMA", "PO-77-18")
    with_pattern = [
        ("explicit_matches", credit("x", reference="INV-22"), BUSINESS, "INV-22"),
        ("explicit_does_not_match", credit("PAYMENT", reference="ABC-22"), "reference_unparseable", "?"),
        ("explicit_blank_reads_the_narration", credit("x INV-22", reference="  "), BUSINESS, "INV-22"),
        ("explicit_empty_reads_the_narration", credit("x INV-22", reference=""), BUSINESS, "INV-22"),
        ("explicit_mismatch_despite_the_narration", credit("INV-22", reference="ABC"), "reference_unparseable", "?"),
        ("explicit_is_one_token", credit("x", reference="INV-22/7"), "reference_unparseable", "?"),
        ("narration_matches", credit("x INV-22"), BUSINESS, "INV-22"),
        ("narration_no_reference_is_no_mismatch", credit("PAYMENT ABC-22"), BUSINESS, None),
        ("first_of_several", credit("INV-9 INV-10"), BUSINESS, "INV-9"),
        ("case_counts", credit("x inv-22"), LOW, None),
        ("anchored_end", credit("x INV-22A"), LOW, None),
        ("anchored_start", credit("XINV-22"), LOW, None),
        ("trailing_dot_is_part_of_the_token", credit("INV-22."), LOW, None),
        ("brackets_are_part_of_the_token", credit("[INV-22]"), LOW, None),
        ("hash_is_part_of_the_token", credit("#INV-22"), LOW, None),
        ("reference_in_a_nip_remark", credit("NIP/GTB/ADA OBI/INV-22"), BUSINESS, "INV-22"),
        ("reference_in_the_name_s_place", credit("NIP/GTB/INV-22/x"), BUSINESS, "INV-22"),
        ("reference_with_a_personal_term", credit("INV-22 GIFT"), PERSONAL, "INV-22"),
        ("reference_in_the_description_is_none", credit("x", description="INV-22"), LOW, None),
        ("reference_in_a_tag_is_none", credit("x", tags=["INV-22"]), LOW, None),
        ("debit_comes_before_mismatch", debit("x", reference="ABC"), "debit_not_refund", "?"),
        ("currency_comes_before_mismatch", credit("x", reference="ABC", currency="USD"), "currency_not_invoiced", "?"),
        ("mismatch_comes_before_pending", credit("x", reference="ABC", status="pending"), "reference_unparseable", "?"),
        ("refund_debit_with_mismatch", debit("REFUND", reference="ABC"), "reference_unparseable", "?"),
        ("reference_small_person", credit("NIP/GTB/ADA OBI/INV-22", 5_000), BUSINESS, "INV-22"),
        ("reference_small_unknown", credit("INV-22", 5_000), "below_floor_no_counterparty", "INV-22"),
    ]
    separators = [" ", "/", "|", ",", ";", ":", "(", ")", "\t", "\n", "\u00a0", "  ", "),("]
    traps = [t(name, row, detail, "pattern", reference=reference) for name, row, detail, reference in with_pattern]
    traps += [
        t(f"separator_{number}", credit(f"x{mark}INV-22{mark}y"), BUSINESS, "pattern", reference="INV-22")
        for number, mark in enumerate(separators)
    ]
    traps += [
        t(f"no_separator_{number}", credit(f"x{mark}INV-22{mark}y"), LOW, "pattern", reference=None)
        for number, mark in enumerate(["-", "_", ".", "#", "*", "=", "\\", "'"])
    ]
    return [
        *traps,
        t("any_case_pattern", credit("x inv-22"), BUSINESS, "any_case", reference="inv-22"),
        t("any_case_pattern_explicit", credit("x", reference="Inv-22"), BUSINESS, "any_case", reference="Inv-22"),
        t("loose_pattern_gives_the_token", credit("xINV-22y z"), BUSINESS, "loose", reference="xINV-22y"),
        t(
            "loose_pattern_explicit_inside",
            credit("x", reference="no INV-22 here"),
            BUSINESS,
            "loose",
            reference="no INV-22 here",
        ),
        t(
            "number_as_printed",
            credit("x INV-2248", 5_000, counterparty="ADA OBI"),
            BUSINESS,
            invoices=some,
            reference="INV-2248",
        ),
        t("number_stripped_and_lower", credit("x inv2248"), BUSINESS, invoices=some, reference="inv2248"),
        t("number_with_marks_around", credit("#INV-2248."), BUSINESS, invoices=some, reference="#INV-2248."),
        t("number_with_other_marks_inside", credit("I.N.V_22-48"), BUSINESS, invoices=some, reference="I.N.V_22-48"),
        t("number_split_by_a_blank", credit("INV 2248"), LOW, invoices=some, reference=None),
        t("number_split_by_a_slash", credit("2026/001"), LOW, invoices=some, reference=None),
        t("number_with_a_slash_printed_otherwise", credit("2026-001"), BUSINESS, invoices=some, reference="2026-001"),
        t("number_too_short", credit("A1"), LOW, invoices=some, reference=None),
        t("number_without_a_digit", credit("PROFORMA"), LOW, invoices=some, reference=None),
        t("number_inside_a_longer_token", credit("REFINV2248X"), LOW, invoices=some, reference=None),
        t("number_of_no_invoice", credit("INV-9999"), LOW, invoices=some, reference=None),
        t("number_without_invoices", credit("INV-2248"), LOW, reference=None),
        t("second_token_is_the_number", credit("INV-9999,PO7718"), BUSINESS, invoices=some, reference="PO7718"),
        t("first_of_two_numbers", credit("PO7718,INV2248"), BUSINESS, invoices=some, reference="PO7718"),
        t(
            "explicit_reference_needs_no_invoice",
            credit("x", reference="anything"),
            BUSINESS,
            invoices=some,
            reference="anything",
        ),
        t(
            "explicit_reference_hides_the_narration",
            credit("INV-2248", reference="else"),
            BUSINESS,
            invoices=some,
            reference="else",
        ),
    ]


def _entry(list_: str, field: str, match: str, value: str, **more: object) -> tuple[Entry, ...]:
    return (Entry(list_, field, match, value, **more),)  # type: ignore[arg-type]


def _list_traps() -> list[Trap]:
    """Deny and allow entries: field x match, scope, expiry, precedence."""
    past, future = NOW - timedelta(days=9), NOW + timedelta(days=9)
    gift = credit("NIP/GTB/ADA OBI/BIRTHDAY GIFT 22", 5_000)
    ref = credit("NIP/GTB/ADA OBI/x", reference="INV-22")
    tag = credit("NIP/GTB/ADA OBI/x", tags=["food", "Weekly Market"])
    hits = [
        ("counterparty_exact", gift, "counterparty", "exact", "ada obi"),
        ("counterparty_exact_punctuation", gift, "counterparty", "exact", "Ada, Obi."),
        ("counterparty_contains", gift, "counterparty", "contains", "ada"),
        ("counterparty_contains_star", gift, "counterparty", "contains", "ad* ob*"),
        ("counterparty_prefix", gift, "counterparty", "prefix", "ADA O"),
        ("counterparty_regex", gift, "counterparty", "regex", r"^a.a\s"),
        ("narration_exact", gift, "narration", "exact", "nip gtb ada obi birthday gift"),
        ("narration_contains", gift, "narration", "contains", "obi birthday"),
        ("narration_prefix", gift, "narration", "prefix", "nip/gtb"),
        ("narration_regex_digits", gift, "narration", "regex", r"gift \d{2}$"),
        ("reference_exact", ref, "reference", "exact", "inv 22"),
        ("reference_contains", ref, "reference", "contains", "inv"),
        ("reference_prefix", ref, "reference", "prefix", "inv-2"),
        ("reference_regex", ref, "reference", "regex", r"^INV-\d+$"),
        ("tag_exact", tag, "tag", "exact", "weekly market"),
        ("tag_contains", tag, "tag", "contains", "market"),
        ("tag_prefix", tag, "tag", "prefix", "week"),
        ("tag_regex", tag, "tag", "regex", "^FOOD$"),
    ]
    misses = [
        ("counterparty_exact_other_order", gift, "counterparty", "exact", "obi ada"),
        ("counterparty_exact_part", gift, "counterparty", "exact", "ada"),
        ("counterparty_contains_part_of_a_word", gift, "counterparty", "contains", "ob"),
        ("counterparty_contains_not_in_the_remark", gift, "counterparty", "contains", "gift"),
        ("counterparty_prefix_inside", gift, "counterparty", "prefix", "obi"),
        ("counterparty_regex_no", gift, "counterparty", "regex", "^obi"),
        ("narration_exact_part", gift, "narration", "exact", "birthday gift"),
        ("narration_prefix_inside", gift, "narration", "prefix", "ada"),
        ("reference_exact_longer", ref, "reference", "exact", "INV-221"),
        ("reference_of_a_line_without_one", gift, "reference", "regex", ".*"),
        ("tag_exact_part", tag, "tag", "exact", "weekly"),
        ("tag_of_a_line_without_tags", gift, "tag", "regex", ".*"),
    ]
    otherwise = {id(gift): PERSONAL, id(ref): BUSINESS, id(tag): LOW}
    traps = []
    for name, row, field, match, value in hits:
        traps.append(Trap(f"deny_{name}", row, "denylisted", entries=_entry("deny", field, match, value)))
        traps.append(Trap(f"allow_{name}", row, "allowlisted", entries=_entry("allow", field, match, value)))
    for name, row, field, match, value in misses:
        traps.append(Trap(f"deny_miss_{name}", row, otherwise[id(row)], entries=_entry("deny", field, match, value)))
    deny, allow = _entry("deny", "narration", "contains", "gift"), _entry("allow", "narration", "contains", "gift")
    everything = _entry("allow", "narration", "regex", ".")
    t = Trap
    return [
        *traps,
        t("deny_beats_allow", gift, "denylisted", entries=deny + allow),
        t("allow_first_deny_still_beats", gift, "denylisted", entries=allow + deny),
        t("tenant_deny_beats_account_allow", gift, "denylisted", entries=(replace(allow[0], account_id="acc"), *deny)),
        t("account_deny_beats_tenant_allow", gift, "denylisted", entries=(*allow, replace(deny[0], account_id="acc"))),
        t("deny_of_another_account", gift, PERSONAL, entries=(replace(deny[0], account_id="other"),)),
        t("deny_of_this_account", gift, "denylisted", entries=(replace(deny[0], account_id="acc"),)),
        t("deny_of_another_tenant", gift, PERSONAL, entries=(replace(deny[0], organization_id="other"),)),
        t("deny_of_the_other_environment", gift, PERSONAL, entries=(replace(deny[0], environment="production"),)),
        t("expired_deny", gift, PERSONAL, entries=(replace(deny[0], expires_at=past),)),
        t("deny_that_expires_later", gift, "denylisted", entries=(replace(deny[0], expires_at=future),)),
        t("expired_deny_live_allow", gift, "allowlisted", entries=(replace(deny[0], expires_at=past), *allow)),
        t("live_deny_expired_allow", gift, "denylisted", entries=(*deny, replace(allow[0], expires_at=past))),
        t("many_entries_one_hits", gift, "denylisted", entries=tuple(
            Entry("deny", "counterparty", "exact", f"person number {chr(97 + n % 26)}{chr(97 + n // 26)}") for n in range(60)
        ) + deny),
        t("deny_beats_debit", debit("GIFT"), "denylisted", entries=deny),
        t("deny_beats_currency", credit("GIFT", currency="USD"), "denylisted", entries=deny),
        t("deny_beats_pending", credit("GIFT", status="pending"), "denylisted", entries=deny),
        t("allow_does_not_lift_a_debit", debit("GIFT"), "debit_not_refund", entries=allow),
        t("allow_does_not_lift_a_currency", credit("GIFT", currency="USD"), "currency_not_invoiced", entries=allow),
        t("allow_does_not_lift_a_mismatch", credit("GIFT", reference="ABC"), "reference_unparseable", "pattern", entries=allow),
        t("allow_does_not_lift_pending", credit("GIFT", status="pending"), "pending_settlement", entries=allow),
        t("allow_lifts_the_floor", credit("x", 1), "allowlisted", entries=everything),
        t("allow_lifts_a_reversal", credit("RVSL"), "allowlisted", entries=everything),
        t("allow_lifts_self_transfer", credit(_N.format(HOLDER, "x")), "allowlisted", entries=everything),
        t("allow_lifts_personal_words", credit("GIFT FAMILY LOAN"), "allowlisted", entries=everything),
        t("allow_lifts_a_low_score", credit("x"), "allowlisted", entries=everything),
        t("allow_of_a_refund_debit", debit("REFUND"), "allowlisted", entries=everything),
        t("entry_on_the_explicit_counterparty", credit(_N.format("ADA OBI", "x"), counterparty="EMEKA UDO"), "denylisted",
          entries=_entry("deny", "counterparty", "exact", "emeka udo")),
        t("entry_not_on_the_slot_behind_an_explicit_one", credit(_N.format("ADA OBI", "x"), counterparty="EMEKA UDO"), LOW,
          entries=_entry("deny", "counterparty", "exact", "ada obi")),
        t("entry_on_a_counterparty_that_is_unknown", credit("ADA OBI"), LOW, entries=_entry("deny", "counterparty", "exact", "ada obi")),
        t("entry_prefix_blanks_collapsed", credit("CASH   \t DEPOSIT"), "denylisted", entries=_entry("deny", "narration", "prefix", "cash deposit")),
        t("entry_prefix_full_width", credit("ＣＡＳＨ DEPOSIT"), "denylisted", entries=_entry("deny", "narration", "prefix", "Cash D")),
        t("entry_contains_full_width", credit("ＣＡＳＨ DEPOSIT"), "denylisted", entries=_entry("deny", "narration", "contains", "cash")),
        t("entry_exact_ignores_digits", credit("CASH 22 DEPOSIT 9"), "denylisted", entries=_entry("deny", "narration", "exact", "cash deposit")),
        t("entry_regex_upper_value", credit("cash deposit"), "denylisted", entries=_entry("deny", "narration", "regex", "CASH")),
        t("entry_regex_metacharacters", credit("cash (local)"), "denylisted", entries=_entry("deny", "narration", "regex", r"\(LOCAL\)")),
        t("entry_prefix_is_no_regex", credit("cash"), LOW, entries=_entry("deny", "narration", "prefix", "c.sh")),
        t("entry_narration_of_a_null_one", credit(None), LOW, entries=_entry("deny", "narration", "contains", "cash")),
        t("entry_on_the_narration_s_reference", credit("x INV-22"), "denylisted", "pattern", entries=_entry("deny", "reference", "exact", "INV22")),
    ]  # fmt: skip


def _direction_traps() -> list[Trap]:
    """Pending, self transfer, reversal, refund, and which row comes first."""
    t = Trap

    def own(name: str, holder: str = HOLDER, remark: str = "x") -> dict[str, object]:
        return credit(_N.format(name, remark))

    def of(holder: str | None) -> Account:
        return Account("acc", holder=holder)

    young, old = {"date": "2026-02-25T10:00:00.000Z"}, {"date": "2026-01-20T10:00:00.000Z"}
    return [
        t("pending_young", credit("PAYMENT", status="pending", **young), "pending_settlement"),
        t("pending_old", credit("PAYMENT", status="pending", **old), "never_settled"),
        t(
            "pending_old_under_a_patient_policy",
            credit("PAYMENT", status="pending", date="2026-02-08T10:00:00Z"),
            "pending_settlement",
            "patient",
        ),
        t("settled_old", credit("PAYMENT", status="settled", **old), BUSINESS),
        t("status_blank_is_settled", credit("PAYMENT", status=""), BUSINESS),
        t("pending_before_personal", credit("GIFT", status="pending"), "pending_settlement"),
        t("pending_debit", debit("x", status="pending"), "debit_not_refund"),
        t("pending_refund_debit", debit("REFUND", status="pending"), "pending_settlement"),
        t("pending_wrong_currency", credit("x", status="pending", currency="USD"), "currency_not_invoiced"),
        t("pending_reversal", credit("RVSL", status="pending"), "pending_settlement"),
        t("self_same_order", own(HOLDER), "self_transfer"),
        t("self_other_order", own("CHUKS OBINNA IFEANYI"), "self_transfer"),
        t("self_comma", own("CHUKS, IFEANYI OBINNA"), "self_transfer"),
        t("self_lower", own("ifeanyi obinna chuks"), "self_transfer"),
        t("self_repeated_word", own("IFEANYI IFEANYI OBINNA CHUKS"), "self_transfer"),
        t("self_with_digits", own("IFEANYI 2 OBINNA CHUKS"), "self_transfer"),
        t("self_subset_is_not_self", own("IFEANYI CHUKS"), LOW),
        t("self_superset_is_not_self", own("MR IFEANYI OBINNA CHUKS"), LOW),
        t("self_single_word", own("KUNLE"), LOW, account=of("KUNLE")),
        t("self_single_word_twice", own("KUNLE KUNLE"), LOW, account=of("KUNLE")),
        t("self_two_words", own("OBI KUNLE"), "self_transfer", account=of("Kunle OBI")),
        t("self_company", own("ACME LTD"), "self_transfer", account=of("Acme Ltd.")),
        t("self_beats_business", own(HOLDER, remark="PAYMENT"), "self_transfer"),
        t("self_beats_personal", own(HOLDER, remark="GIFT"), "self_transfer"),
        t("self_explicit", credit("x", counterparty="CHUKS IFEANYI OBINNA"), "self_transfer"),
        t("self_full_width", own("ＩＦＥＡＮＹＩ OBINNA CHUKS"), "self_transfer"),
        t("self_unknown_counterparty", credit(HOLDER), LOW),
        t("self_holder_unknown", own("ADA OBI"), LOW, account=of(None)),
        t("self_holder_unknown_company", own("ADA LTD"), BUSINESS, account=of(None)),
        t("self_holder_blank", own("ADA LTD"), BUSINESS, account=of("")),
        t("self_small", credit(_N.format(HOLDER, "x"), 5_000), "self_transfer"),
        t("reversal_beats_self", credit(_N.format(HOLDER, "RVSL")), "reversal"),
        t("reversal_beats_personal", credit("RVSL GIFT"), "reversal"),
        t("reversal_beats_business", credit("REVERSAL PAYMENT"), "reversal"),
        t("reversal_in_the_name_is_none", credit(_N.format("REV JOHN OBI", "PAYMENT")), BUSINESS),
        t("reversal_in_a_tag", credit("PAYMENT", tags=["Reversal"]), "reversal"),
        t("reversal_on_a_debit", debit("RVSL PAYMENT"), "debit_not_refund"),
        t("reversal_on_a_refund_debit", debit("RVSL REFUND PAYMENT"), BUSINESS),
        t("reversals_is_another_word", credit("REVERSALS PAYMENT"), BUSINESS),
        t("debit_with_a_business_term", debit("PAYMENT"), "debit_not_refund"),
        t("debit_nip_cr_misleads", debit("NIP CR/MOB/ADA OBI/GTB PAYMENT FOR GENERATOR"), "debit_not_refund"),
        t("debit_refund_in_the_name", debit("NIP CR/REFUND STORES/GTB x"), "debit_not_refund"),
        t("debit_refund_in_a_tag", debit("PAYMENT", tags=["refund"]), BUSINESS),
        t("debit_refund_in_the_description", debit("PAYMENT", description="refunded"), BUSINESS),
        t("debit_refund_alone", debit("REFUND"), LOW),
        t("debit_refund_company", debit("NIP CR/ACME LTD/GTB REFUND"), BUSINESS, counterparty="ACME LTD", score=50),
        t("debit_refund_personal", debit("REFUND GIFT"), PERSONAL),
        t("debit_refund_small", debit("REFUND", 5_000), "below_floor_no_counterparty"),
        t("debit_refund_self", debit(f"NIP CR/{HOLDER}/GTB REFUND"), "self_transfer"),
        t("debit_refund_currency", debit("REFUND", currency="USD"), "currency_not_invoiced"),
        t("debit_wrong_currency", debit("x", currency="USD"), "debit_not_refund"),
        t("debit_prerefund_does_not_start_with_it", debit("PREREFUND"), "debit_not_refund"),
        t("personal_small_unknown", credit("GIFT", 5_000), PERSONAL),
        t("personal_and_reference", credit("GIFT", reference="R1"), PERSONAL),
    ]


def _traps() -> list[Trap]:
    plain = [Trap(name, credit(text), detail) for name, text, detail in _WORDS]
    every = [
        *plain,
        *_rail_traps(),
        *_field_traps(),
        *_money_traps(),
        *_reference_traps(),
        *_list_traps(),
        *_direction_traps(),
    ]
    return [trap.placed(place) for place, trap in enumerate(every)]


TRAPS: tuple[Trap, ...] = tuple(_traps())


# ------------------------------------------------------------------------------------------------ generated rows

_NAMES = (
    "ADA OBI", "GIFT OKORO", "CHARITY EZE", "BLESSING ADEYEMI", "FAVOUR BASSEY", "OKEKE VENTURES", "ACME LTD", "ZENON PLC",
    "OLUWAṢEUN Adé", "Ngozi", "BELLO PROFESSIONAL SERVICES", HOLDER, "CHUKS IFEANYI, OBINNA", "IFEANYI CHUKS", "REV JOHN OBI",
    "REFUND STORES", "LOANS R US LIMITED", "KUNLE  amp  SONS ENTERPRISES", "", "  ", "SLOANE CONTRACTS", "ＦＡＭＩＬＹ LTD",
)  # fmt: skip
_BITS = (
    "PAYMENT", "payment", "PayMents", "invoice", "INV-22", "INV-2248", "inv2248", "INV-9,INV-10", "(INV-22)", "#INV-22", "PO7718",
    "gift", "GIFTS", "family", "pocket", "money", "pocket money", "POCKET-MONEY", "loan", "sloane", "allowance", "salary",
    "refund", "REFUNDED", "rvsl", "REV", "reversal", "contract", "SUPPLY OF 20 BAGS", "rice", "x", "2248", "REF2248PAYMENT",
    "Debtpaymentforwifi", "USSDAirtime", "ACME LTD", "ventures", "plc", "NIBSS Instant Payment", "NIBSS", "instant payment",
    "ＰＡＹＭＥＮＴ", "ſubscription", "İNVOICE", "payme\u0301nt", "ẹ̀bùn", "ìsanwó", "ugwo", "ﬁtting", "part", "PYMT", "upkeep",
    "amp", "&", "and", "settlement", "alawi", "Partalawi", "chop money", "of", "for", "™", "№",
)  # fmt: skip
_GLUE = (" ", " ", " ", "-", "_", "/", "  ", ", ", ": ", ".", "2", "|", ";", "(", ")", "")
_FREE = (
    "{remark}",
    "{remark} {name}",
    "VIA GAPS {remark}",
    "NIBSS Instant Payment Outward 00013 {name}",
    "NIP/GTB",
    "NIP/GTB/{name}/",
    "",
)
_ENTRY_VALUES = {
    "exact": ("ada obi", "ACME LTD", "payment", "INV 22", "po7718", "rice", "okeke ventures", "R1"),
    "contains": ("gift", "acme", "pay*", "*ment", "pocket money", "inv", "rice", "okoro"),
    "prefix": ("nip/gtb", "ADA", "inv", "pay", "ok", "x", "CIP CR/ a"),
    "regex": (r"\d{4}", "^ADA", "gift|loan", r"INV-\d+$", "ltd", r"^x$", "[aeiou]{2}"),
}


def generated_trap(seed: int, policy: str) -> Trap:
    """A random row in random circumstances; its detail is left to the oracle."""
    pick = random.Random(seed)
    parts = [pick.choice(_BITS) for _ in range(pick.choice((0, 1, 1, 2, 2, 3, 5)))]
    remark = "".join(part + pick.choice(_GLUE) for part in parts)
    form = pick.choice((*RAIL_FORMS.values(), *RAIL_FORMS.values(), *_FREE))
    narration = form.format(name=pick.choice(_NAMES), remark=remark)
    amount = pick.choice((1, FLOOR - 1, FLOOR, FLOOR + 1, 100_050, ABOVE, pick.randrange(1, 10**9)))
    row: dict[str, object] = {
        "narration": pick.choice((narration, narration, narration, narration.lower(), None)),
        "amount": amount,
        "type": pick.choice(("credit", "credit", "credit", "debit")),
        "date": (NOW - timedelta(days=pick.choice((0, 3, 9, 20, 33, 60)), minutes=pick.randrange(600))).isoformat(),
    }
    if pick.random() < 0.15:
        row["description"] = " ".join(pick.choice(_BITS) for _ in range(2))
    if pick.random() < 0.15:
        row["tags"] = [pick.choice(_BITS) for _ in range(pick.randrange(3))]
    if pick.random() < 0.12:
        row["counterparty"] = pick.choice(_NAMES)
    if pick.random() < 0.15:
        row["reference"] = pick.choice(("INV-22", "inv-22", "R1", "ABC", "", " ", "INV-22 INV-23"))
    if pick.random() < 0.15:
        row["currency"] = pick.choice(("NGN", "USD", "GHC", "KSH", "Naira", "ZAR", None))
    if pick.random() < 0.12:
        row["status"] = pick.choice(("pending", "pending", "settled", None))
    account = Account(
        "acc",
        holder=pick.choice((HOLDER, HOLDER, "ADA OBI", "Ngozi", None)),
        currency=pick.choice(("NGN",) * 12 + ("USD", None)),
    )
    invoices = pick.choice(((), ("INV-2248", "PO-77-18"), ("INV-22", "R100", "22-48")))
    return Trap(f"generated_{seed}", row, "?", policy, account, _generated_entries(pick), invoices)


def _generated_entries(pick: random.Random) -> tuple[Entry, ...]:
    entries = []
    for _ in range(pick.choice((0, 0, 1, 1, 2))):
        match = pick.choice(tuple(_ENTRY_VALUES))
        entries.append(
            Entry(
                list=pick.choice(("allow", "deny")),
                field=pick.choice(("counterparty", "narration", "reference", "tag")),
                match=match,
                value=pick.choice(_ENTRY_VALUES[match]),
                account_id=pick.choice((None, None, "acc", "other")),
                expires_at=pick.choice((None, None, NOW - timedelta(days=9), NOW + timedelta(days=9))),
            )
        )
    return tuple(entries)


def generated_traps(seed: int, count: int, policy: str) -> list[Trap]:
    """So many random rows, each in an organisation of its own."""
    return [generated_trap(seed * 100_003 + number, policy).placed(number) for number in range(count)]


# Letters, marks, digits, separators and the characters that normalisation turns into several; no control characters.
_NASTY = "paymentGIFTloan INV-22/|,;:()_*.&#'\u0301\u0323ßẞſﬁİıªⅡ²№™Ａ０٣दि付𝐏🙂\u00a0\u200d\u00adẹọụɗ"
nasty_text = st.text(
    st.sampled_from(_NASTY) | st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=40
)


@st.composite
def hostile_traps(draw: st.DrawFn, policy: str = "plain") -> Trap:
    """A row whose texts are made of letters nobody expects, for shrinking to the smallest that differs."""
    row: dict[str, object] = {
        "narration": draw(st.one_of(nasty_text, st.builds("NIP/GTB/{}/{}".format, nasty_text, nasty_text))),
        "amount": draw(st.sampled_from((1, FLOOR - 1, FLOOR, ABOVE))),
        "type": draw(st.sampled_from(("credit", "debit"))),
        "date": "2026-02-20T09:30:00.000Z",
        "description": draw(st.none() | nasty_text),
        "tags": draw(st.none() | st.lists(nasty_text, max_size=2)),
    }
    return Trap("hostile", row, "?", policy)


def chunks(traps: Sequence[Trap]) -> dict[str, list[Trap]]:
    """The traps by policy."""
    by_policy: dict[str, list[Trap]] = {}
    for trap in traps:
        by_policy.setdefault(trap.policy, []).append(trap)
    return by_policy


# ------------------------------------------------------------------------------------------------ what is left open


@dataclass(frozen=True)
class Ambiguous:
    """A sentence that can be read in more than one way: an example, the readings, the one chosen here."""

    question: str
    example: Trap
    readings: str
    chosen: str


def _ambiguous() -> list[Ambiguous]:
    a, t = Ambiguous, Trap

    def nip(name: str, remark: str) -> dict[str, object]:
        return credit(_N.format(name, remark))

    listed = [
        a("terms_span_cuts", t("two_tags", credit("x", tags=["pocket", "money"]), LOW), "a term may run from one tag, field or side of a cut into the next, or not", "not: they are different texts"),
        a("terms_span_cuts", t("across_the_name", credit("VIA GAPS 22 POCKET FROM ADA OBI", description="money"), LOW), "the same, narration to description", "not"),
        a("name_cut_everywhere", t("name_again_in_the_remark", nip("GIFT OKORO", "USSD_GIFT OKORO"), LOW), "the counterparty is taken out of the rail's slot, or wherever the narration says the name", "wherever: 'never in the counterparty's name'"),
        a("single_word_name_cut", t("one_word_explicit_name", credit("PAYMENT FOR GIFT", counterparty="Gift"), BUSINESS), "an explicit one-word name is cut from a narration without a rail, or is too little to be a name", "cut"),
        a("slot_cut_for_explicit", t("slot_differs_from_explicit", credit(_N.format("GIFT OKORO", "x"), counterparty="G OKORO"), LOW), "the rail's slot goes even where an explicit field names the counterparty otherwise, or stays", "goes: it is a name"),
        a("name_cut_in_description", t("name_in_the_description", credit(_N.format("GIFT OKORO", "x"), description="from GIFT OKORO"), PERSONAL), "the name is cut from the narration only, or from description and tags as well", "narration only, as written"),
        a("bank_in_remark", t("term_in_the_bank_field", credit("NIP/LOANPOINT/ADA OBI/x"), PERSONAL), "the bank's field is no counterparty, fixed word or boilerplate, so it stays; or it is the rail's", "stays, as written"),
        a("shape_rails", t("ft_rail", credit("FT/GTB/GIFT LTD/RICE"), BUSINESS), "FT/, MOB/UTO/, TRF FRM .. TO .., OUTWARD TRANSFER TO .. stand in the shapes or without a grammar: read, or unknown", "read"),
        a("rail_after_reversal_mark", t("rsvl_nip_cr", credit("***RSVL NIP CR/MOB/ADA OBI/GTB x"), "reversal"), "the grammar is read behind a reversal mark, or not", "read"),
        a("short_rail", t("nip_without_a_remark", credit("NIP/GTB/GIFT LTD"), BUSINESS), "NIP/<bank>/<sender> without a third slash: the name is known, or not", "known"),
        a("letterless_name", t("number_for_a_name", credit("NIP/GTB/0123456789/x", 5_000), "below_floor_no_signal"), "a number in the name's place is a counterparty, or not", "is: the field is not empty"),
        a("whole_name", t("name_with_a_number", credit("NIBSS Instant Payment Outward 000013 STUDIO 24 LTD"), BUSINESS), "the name is all that follows, or ends before a number", "all that follows"),
        a("loose_blanks", t("two_blanks_in_the_rail", credit("NIP  CR/MOB/ADA OBI/GTB x", 5_000), "below_floor_no_signal"), "the blanks of a rail's fixed words count as one, or must be as written", "as one"),
        a("nameless_rail", t("gaps_without_a_name", credit("VIA GAPS 30221 RENT FROM "), LOW, "fixed_words"), "the rail's words are fixed also where the name's place is empty, or the grammar is not read then", "fixed all the same"),
        a("last_keyword", t("gaps_two_froms", credit("VIA GAPS 22 RENT FROM MAY TO JUNE FROM GIFT LTD"), BUSINESS), "the name follows the last FROM, or the first", "last"),
        a("gaps_number_needed", t("gaps_without_number", credit("VIA GAPS RENT FROM GIFT LTD"), BUSINESS), "VIA GAPS needs its number, or not", "not: it does not stand before the name"),
        a("session_number_needed", t("sterling_without_session", credit("NIP From GTB PAYREF:1 SENDER: GIFT LTD REMARK: x"), PERSONAL), "Sterling's line needs its session number, or not", "needs it"),
        a("pending_by", t("pending_just_14_days", credit("x", status="pending", date="2026-02-15T14:00:00Z"), "pending_settlement"), "14 days by the clock, by Lagos days, or more than 14", "by the clock, from booked_at"),
        a("nfkc_tokens", t("full_width_reference", credit("ＩＮＶ-22"), BUSINESS, "pattern"), "reference tokens are NFKC-normalised too, or taken as they came", "normalised"),
        a("unparsed_reference_shown", t("refused_reference", credit("x", reference="ABC"), "reference_unparseable", "pattern"), "an explicit reference that the pattern refuses is the transaction's `reference`, or not", "not"),
        a("entry_reference", t("entry_on_the_second_reference", credit("INV-1 INV-2"), BUSINESS, "pattern", entries=_entry("deny", "reference", "exact", "INV-2")), "an entry on `reference` looks at the first reference, at each, or also at the refused explicit one", "the first: it is 'the transaction's reference'"),
        a("regex_text", t("regex_end_behind_blanks", credit("RICE 22  "), LOW, entries=_entry("deny", "narration", "regex", "22$")), "a regex is searched in the text, or in the normalised text with its blanks collapsed", "the text"),
        a("entry_needs_words", t("exact_without_words", credit("12345"), LOW, entries=_entry("deny", "narration", "exact", "67890")), "two texts without words are the same words, or not", "not"),
    ]  # fmt: skip
    return [replace(case, example=case.example.placed(place)) for place, case in enumerate(listed)]


AMBIGUOUS: tuple[Ambiguous, ...] = tuple(_ambiguous())

# Open as well, and kept out of every comparison by not being generated: an unreadable currency on a line of a known
# account (unknown, or the account's?); a currency that is no ISO code (unknown or not invoiced?); a statement's word for
# a status that is neither settled nor pending; an expiry equal to now; overlapping boilerplate terms; a term that is a
# lone star; `[floor]` without NGN (does the shipped one stay?); blanks inside words on Sterling's wrapped lines;
# "amp" where a list entry says "&"; blanks around the slashes of a rail; a hyphen inside the name of `NIP FRM`.
