"""An independent, literal, row-by-row reading of the written rules: the oracle the product is compared with.

Holds sections 2, 3 and 4 of the domain rules in plain Python, one small function a sentence, each quoting the
sentence it reads. It imports nothing of the product and shares no code with it: only the policy file (data) is read
by both. Where a sentence can be read in more than one way, `Reading` names the question, the answer chosen here and
the other answers, so that a comparison can leave out the lines on which the readings differ.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

SHIPPED_POLICY = Path(__file__).parents[2] / "rules" / "policy.toml"
LAGOS = timedelta(hours=1)  # Africa/Lagos has no summer time

Run = list[str]  # words that follow each other in one text with only non-letters between them


@dataclass(frozen=True)
class Reading:
    """What the written rules leave to the reader; the defaults are the answers chosen here."""

    terms_span_cuts: bool = False  # may a term start in one text (field, tag, side of a cut) and end in the next?
    name_cut_everywhere: bool = (
        True  # "without the counterparty": each time the name stands there, or only the rail's slot?
    )
    single_word_name_cut: bool = True  # ... and also where an explicit name is one word and no rail has a slot for it?
    slot_cut_for_explicit: bool = (
        True  # does the rail's slot go too where an explicit counterparty says something else?
    )
    name_cut_in_description: bool = False  # is the counterparty's name taken out of description and tags as well?
    bank_in_remark: bool = True  # the bank's field is no counterparty, no fixed word, no boilerplate: does it stay?
    shape_rails: bool = True  # rails that only stand in the shapes (FT/, MOB/UTO/, TRF FRM ... TO ...)
    rail_after_reversal_mark: bool = True  # `***RSVL NIP CR/...`: is the grammar read behind the mark?
    short_rail: bool = (
        True  # `NIP/<bank>/<sender>`, `NIP FRM <name>`: is the name known where what ends it is not there?
    )
    whole_name: bool = True  # the last place of a rail is all that follows (else it ends at a number of its own)
    loose_blanks: bool = True  # do the blanks inside a rail's fixed words count as one, however many?
    letterless_name: bool = True  # is `12345` or `-` in the name's place a counterparty?
    nameless_rail: bool = True  # is the grammar, with its fixed words, read where the name's place is empty?
    last_keyword: bool = True  # `VIA GAPS ... FROM ... FROM ...`, `FRM` twice: the last one (else the first)
    gaps_number_needed: bool = (
        False  # is `VIA GAPS <number> ... FROM <name>` "a rail that carries a number before the name"?
    )
    session_number_needed: bool = True  # the same of `NIP From <session> <bank> ...`
    pending_by: str = "instant"  # is "for 14 days" counted in instants, in Lagos days or strictly more?
    nfkc_tokens: bool = True  # is "before any comparison" also said of reference tokens (case apart)?
    unparsed_reference_shown: bool = False  # is an explicit reference that the pattern refuses still the `reference`?
    entry_reference: str = (
        "first"  # what an entry on `reference` is held against: first, any, or also the refused explicit
    )
    entry_needs_words: bool = True  # `exact` between two texts without any word: equal or not?
    regex_text: str = (
        "nfkc"  # what a `regex` entry is searched in: the text (nfkc), or the normalised one, blanks collapsed
    )


# question -> the other answers; the default answers are those of Reading()
OTHER_READINGS: dict[str, tuple[object, ...]] = {
    "terms_span_cuts": (True,),
    "name_cut_everywhere": (False,),
    "single_word_name_cut": (False,),
    "slot_cut_for_explicit": (False,),
    "name_cut_in_description": (True,),
    "bank_in_remark": (False,),
    "shape_rails": (False,),
    "rail_after_reversal_mark": (False,),
    "short_rail": (False,),
    "whole_name": (False,),
    "loose_blanks": (False,),
    "letterless_name": (False,),
    "nameless_rail": (False,),
    "last_keyword": (False,),
    "gaps_number_needed": (True,),
    "session_number_needed": (False,),
    "pending_by": ("day", "more"),
    "nfkc_tokens": (False,),
    "unparsed_reference_shown": (True,),
    "entry_reference": ("any", "explicit"),
    "entry_needs_words": (False,),
    "regex_text": ("collapsed", "raw"),
}


# ------------------------------------------------------------------------------------------------ text (section 2)


def normal(text: str) -> str:
    """Text is NFKC-normalised, then lower-cased (Unicode), before any comparison."""
    return unicodedata.normalize("NFKC", text).lower()


@cache
def _is_letter_or_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def words(text: str | None) -> Run:
    """A word is a maximal run of letters and marks (Unicode L, M). Everything else separates."""
    run: Run = []
    word = ""
    for character in normal(text or ""):
        if _is_letter_or_mark(character):
            word += character
        elif word:
            run.append(word)
            word = ""
    return [*run, word] if word else run


@dataclass(frozen=True)
class TermWord:
    """One word of a term, with the stars it may start or end with."""

    text: str
    open_start: bool
    open_end: bool

    def matches(self, word: str) -> bool:
        """`invoice*` matches `invoices`, `*payment*` matches `debtpaymentforwifi`."""
        if self.open_start and self.open_end:
            return self.text in word
        if self.open_start:
            return word.endswith(self.text)
        if self.open_end:
            return word.startswith(self.text)
        return word == self.text


Term = tuple[TermWord, ...]


def term(text: str) -> Term:
    """A term is one or more words; a word of it may start or end with a star; any other character is an error."""
    parts = []
    for part in normal(text).split():
        core = part.removeprefix("*").removesuffix("*")
        if not core or any(unicodedata.category(character)[0] not in "LM" for character in core):
            raise ValueError(f"not a term: {text!r}")
        parts.append(TermWord(core, part.startswith("*"), part.endswith("*")))
    if not parts:
        raise ValueError(f"not a term: {text!r}")
    return tuple(parts)


def places(of: Term, run: Run) -> Iterator[int]:
    """It matches where its words follow each other with only non-letters between them."""
    for start in range(len(run) - len(of) + 1):
        if all(word.matches(run[start + offset]) for offset, word in enumerate(of)):
            yield start


def holds(terms: Iterable[Term], runs: list[Run]) -> bool:
    """Whether any of the terms matches in any of the runs."""
    return any(True for of in terms for run in runs for _ in places(of, run))


def without(terms: Iterable[Term], run: Run) -> list[Run]:
    """The run without the words that the terms match: what is left on each side is a run of its own."""
    gone = {start + offset for of in terms for start in places(of, run) for offset in range(len(of))}
    left: list[Run] = [[]]
    for place, word in enumerate(run):
        if place in gone:
            left.append([])
        else:
            left[-1].append(word)
    return [piece for piece in left if piece]


# ------------------------------------------------------------------------------------------------ the line as it came


@dataclass(frozen=True)
class Account:
    """The account a line belongs to, with its tenant."""

    account_id: str
    organization_id: str = "org"
    environment: str = "sandbox"
    holder: str | None = None
    currency: str | None = "NGN"


@dataclass(frozen=True)
class Line:
    """A bank line as the rules see it: blanks are absence."""

    transaction_id: str
    booked_at: datetime
    direction: str
    amount: int
    currency: str | None
    narration: str
    description: str | None
    counterparty: str | None
    reference: str | None
    tags: tuple[str, ...]
    status: str


def given(value: object) -> str | None:
    """A field that is there and not blank."""
    text = value if isinstance(value, str) else None
    return text if text and text.strip() else None


def iso_currency(raw: object) -> str | None:
    """Mono's GHC and KSH are stored as GHS and KES, "Naira" as NGN."""
    text = (given(raw) or "").strip().upper()
    return {"GHC": "GHS", "KSH": "KES", "NAIRA": "NGN", "": None}.get(text, text)


def read_line(row: Mapping[str, object]) -> Line:
    """A raw upstream row, of either version, as a line; a line without a status is settled."""
    tags = row.get("tags")
    status = (given(row.get("status")) or "settled").strip().lower()
    return Line(
        transaction_id=str(row.get("id") or row.get("_id")),
        booked_at=datetime.fromisoformat(str(row["date"])),
        direction=str(row["type"]).lower(),
        amount=int(str(row["amount"])),
        currency=iso_currency(row.get("currency")),
        narration=str(row.get("narration") or ""),
        description=given(row.get("description")),
        counterparty=given(row.get("counterparty")),
        reference=given(row.get("reference")),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list | tuple) else (),
        status="pending" if status == "pending" else "settled",
    )


# ------------------------------------------------------------------------------------------------ rails (mono-facts 3)


def spelled(text: str) -> str:
    """The pattern of fixed words: either case, one or more blanks where there is one."""
    classes = [
        r"\s+"
        if character == " "
        else f"[{character.upper()}{character.lower()}]"
        if character.isalpha()
        else character
        for character in text
    ]
    return "".join(classes)


@dataclass(frozen=True)
class Rail:
    """One narration grammar: `name` is the counterparty, `bank` the bank, `kept...` the remark; the rest is fixed."""

    label: str
    pattern: re.Pattern[str]
    question: str | None = None  # the Reading that this grammar hangs on, and the answer under which it is read
    answer: object = True


def _rail(label: str, pattern: str, question: str | None = None, answer: object = True) -> Rail:
    return Rail(label, re.compile(r"\s*" + pattern + r"\s*\Z", re.DOTALL), question, answer)


_REST = r"(?:/(?P<kept>.*))"
RAILS: tuple[Rail, ...] = (
    # Zenith: `NIP/<BANK>/<SENDER>/<remark>` = incoming credit
    _rail("nip", spelled("NIP/") + r"(?P<bank>[^/]*)/(?P<name>[^/]*)" + _REST),
    _rail("nip", spelled("NIP/") + r"(?P<bank>[^/]*)/(?P<name>[^/]*)", "short_rail"),
    # `NIP CR/<RECIPIENT>/<BANK>` and `NIP CR/MOB/...` = outgoing debit
    _rail("nip cr mob", spelled("NIP CR/MOB/") + r"(?P<name>[^/]*)" + _REST),
    _rail("nip cr mob", spelled("NIP CR/MOB/") + r"(?P<name>[^/]*)", "short_rail"),
    _rail("nip cr", spelled("NIP CR/") + r"(?P<name>[^/]*)" + _REST),
    _rail("nip cr", spelled("NIP CR/") + r"(?P<name>[^/]*)", "short_rail"),
    # `CIP CR/ <NAME>/...` and `NISS INFLOW/<NAME>/...` = credit with payer in field 2
    _rail("cip cr", spelled("CIP CR/") + r"(?P<name>[^/]*)" + _REST),
    _rail("cip cr", spelled("CIP CR/") + r"(?P<name>[^/]*)", "short_rail"),
    _rail("niss", spelled("NISS INFLOW/") + r"(?P<name>[^/]*)" + _REST),
    _rail("niss", spelled("NISS INFLOW/") + r"(?P<name>[^/]*)", "short_rail"),
    # GTBank: `VIA GAPS ... FROM <NAME>`
    _rail("gaps", spelled("VIA GAPS") + r"\b(?P<kept>\s+\d+\b.*)\b" + spelled("FROM") + r"\s(?P<name>.*)"),
    _rail(
        "gaps",
        spelled("VIA GAPS") + r"\b(?P<kept>.*)\b" + spelled("FROM") + r"\s(?P<name>.*)",
        "gaps_number_needed",
        False,
    ),
    # Sterling: `NIP From <session> <bank> PAYREF:.. SENDER: .. REMARK: ..`
    _rail(
        "sterling",
        spelled("NIP FROM")
        + r"\s+\d+\s+(?P<bank>.*?)\b"
        + spelled("PAYREF:")
        + r"(?P<kept>.*?)\b"
        + spelled("SENDER:")
        + r"(?P<name>.*?)\b"
        + spelled("REMARK:")
        + r"(?P<kept2>.*)",
    ),
    _rail(
        "sterling",
        spelled("NIP FROM")
        + r"\s+(?P<bank>.*?)\b"
        + spelled("PAYREF:")
        + r"(?P<kept>.*?)\b"
        + spelled("SENDER:")
        + r"(?P<name>.*?)\b"
        + spelled("REMARK:")
        + r"(?P<kept2>.*)",
        "session_number_needed",
        False,
    ),
    _rail(
        "sterling",
        spelled("NIP FROM")
        + r"\s+\d+\s+(?P<bank>.*?)\b"
        + spelled("SENDER:")
        + r"(?P<name>.*?)(?:\b"
        + spelled("REMARK:")
        + r"(?P<kept>.*))?",
        "short_rail",
    ),
    # UBA: `MOB/UTO/..`, `NXG :TRF<remark without blanks>FRM<name>`
    _rail("uba nxg", spelled("NXG ") + ":" + spelled("TRF") + r"(?P<kept>.*)" + spelled("FRM") + r"(?P<name>.*)"),
    _rail("uba mob", spelled("MOB/UTO/") + r"(?P<name>[^/]*)" + _REST + "?", "shape_rails"),
    # FCMB: `NIP FRM <NAME>-<description>`, `TRF From <NAME>/<description>`, `web: TRF Frm <NAME>/`,
    # `CSH DEPOSIT BY:<NAME>|<branch>`
    _rail("fcmb nip", spelled("NIP FRM") + r"\s+(?P<name>[^-]*)-(?P<kept>.*)"),
    _rail("fcmb trf", spelled("TRF FROM") + r"\s+(?P<name>[^/]*)/(?P<kept>.*)"),
    _rail("fcmb web", spelled("WEB: TRF FRM") + r"\s+(?P<name>[^/]*)/(?P<kept>.*)"),
    _rail("fcmb cash", spelled("CSH DEPOSIT BY:") + r"(?P<name>[^|]*)\|(?P<kept>.*)"),
    _rail("fcmb nip", spelled("NIP FRM") + r"\s+(?P<name>[^-]*)", "short_rail"),
    _rail("fcmb trf", spelled("TRF FROM") + r"\s+(?P<name>[^/]*)", "short_rail"),
    _rail("fcmb web", spelled("WEB: TRF FRM") + r"\s+(?P<name>[^/]*)", "short_rail"),
    _rail("fcmb cash", spelled("CSH DEPOSIT BY:") + r"(?P<name>[^|]*)", "short_rail"),
    # `NIBSS Instant Payment Outward <number> <name>`, needs the number
    _rail("nibss", spelled("NIBSS INSTANT PAYMENT OUTWARD") + r"\s+(?P<kept>\d+)\s+(?P<name>.*)"),
    # `OUTWARD TRANSFER TO ...`, and rails that stand in the shapes only
    _rail(
        "outward",
        spelled("OUTWARD TRANSFER TO")
        + r"\s+(?P<bank>.*?)\s+-\s+(?P<name>.*?)(?P<kept>\b"
        + spelled("REFUND")
        + r"\b.*)?",
        "shape_rails",
    ),
    _rail("ft", spelled("FT/") + r"(?P<bank>[^/]*)/(?P<name>[^/]*)" + _REST, "shape_rails"),
    _rail(
        "customers",
        spelled("TRANSFER BETWEEN CUSTOMERS") + r"(?P<kept>.*)\b" + spelled("FROM") + r"\s(?P<name>.*)",
        "shape_rails",
    ),
    _rail("trf to", spelled("TRF FRM") + r"\s+(?P<name>.*?)\s+" + spelled("TO") + r"\s(?P<kept>.*)", "shape_rails"),
    _rail("fcmb trf", spelled("TRF FRM") + r"\s+(?P<name>[^/]*)/(?P<kept>.*)", "shape_rails"),
    _rail("cash", spelled("DEPOSIT CASH") + r"\s+\(.*?\)\s*-\s*(?P<name>.*)", "shape_rails"),
    _rail("pos", spelled("MC LOC POS PRCH") + r"-\d+-+(?P<name>.*)", "shape_rails"),
    _rail("transfer", spelled("TRANSFER FROM") + r"\s+(?P<name>.*)", "shape_rails"),
)
# the marks that reversals carry in front: `RSVL`, `Rvsl:`, `**Rev`, `***RSVL`
_MARK = re.compile(rf"(\s*\**\s*(?:{spelled('RSVL')}|{spelled('RVSL')}|{spelled('REV')})\s*:?)(?=[^A-Za-z])")


@dataclass(frozen=True)
class Parsed:
    """What the rail's grammar made of a narration: the name in its slot, and what is neither name nor fixed word."""

    rail: str | None
    name: str | None
    kept: tuple[str, ...]


def parse_narration(narration: str, reading: Reading) -> Parsed:
    """`NIP/<bank>/<sender>/<remark>` and the other rails; else unknown, and nothing is fixed."""
    text = unicodedata.normalize("NFKC", narration)
    parsed = _parse_rail(text, reading)
    mark = _MARK.match(text)
    if parsed is None and mark and reading.rail_after_reversal_mark:
        behind = _parse_rail(text[mark.end() :], reading)
        if behind:
            return replace(behind, kept=(mark.group(1), *behind.kept))
    return parsed or Parsed(None, None, (text,))


def _parse_rail(text: str, reading: Reading) -> Parsed | None:
    for rail in RAILS:
        if rail.question is not None and getattr(reading, rail.question) != rail.answer:
            continue
        pattern = rail.pattern
        if not reading.last_keyword and rail.label in ("gaps", "uba nxg"):
            pattern = re.compile(pattern.pattern.replace(".*)", ".*?)", 1), re.DOTALL)
        if not reading.loose_blanks:
            pattern = re.compile(pattern.pattern.replace(r"\s+", " "), re.DOTALL)
        match = pattern.match(text)
        if match and (reading.nameless_rail or (match["name"] or "").strip()):
            parts = match.groupdict()
            kept = [parts.get("kept"), parts.get("kept2"), parts.get("bank") if reading.bank_in_remark else None]
            name = parts.get("name") or ""
            if not reading.whole_name and rail.label in ("nibss", "outward", "customers", "gaps"):
                name, number, rest = re.match(r"(.*?)((?:\s\d+(?=\s|\Z))?)(.*)\Z", name, re.DOTALL).groups()  # type: ignore[union-attr]
                kept.append(number + rest)
            return Parsed(rail.label, _known_name(name, reading), tuple(part for part in kept if part))
    return None


def _known_name(raw: str | None, reading: Reading) -> str | None:
    name = (raw or "").strip()
    if not name or (not reading.letterless_name and not words(name)):
        return None
    return name


# ------------------------------------------------------------------------------------------------ policy (interfaces 8)


@dataclass(frozen=True)
class Policy:
    """The numbers and words of the rules."""

    currencies: tuple[str, ...]
    floors: Mapping[str, int]  # minor units
    pattern: re.Pattern[str] | None
    terms: Mapping[str, tuple[Term, ...]]
    points: Mapping[str, int]
    pending_days: int


def _merged(shipped: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """A missing key takes the shipped value; a term list replaces the shipped list of that name."""
    merged = dict(shipped)
    for key, value in own.items():
        base = merged.get(key)
        merged[key] = _merged(base, value) if isinstance(base, Mapping) and isinstance(value, Mapping) else value
    return merged


def read_policy(text: str, shipped: str | None = None) -> Policy:
    """The policy that a TOML text makes on top of the shipped one."""
    base = tomllib.loads(SHIPPED_POLICY.read_text("utf-8") if shipped is None else shipped)
    whole: dict[str, dict[str, object]] = _merged(base, tomllib.loads(text))  # type: ignore[assignment]
    pattern = whole.get("reference", {}).get("pattern")
    lists: Mapping[str, list[str]] = whole["terms"]  # type: ignore[assignment]
    return Policy(
        currencies=tuple(str(code) for code in whole["currency"]["invoice"]),  # type: ignore[attr-defined]
        floors={code: int(Decimal(str(major)) * 100) for code, major in whole["floor"].items()},
        pattern=re.compile(str(pattern)) if pattern else None,
        terms={name: tuple(term(text) for text in texts) for name, texts in lists.items()},
        points={name: int(str(points)) for name, points in whole["points"].items()},
        pending_days=int(str(whole["pending"]["days"])),
    )


# ------------------------------------------------------------------------------------------------ signals


def counterparty(line: Line, reading: Reading) -> str | None:
    """The explicit field where the source gives one, else what the narration's rail grammar yields, else unknown."""
    return (line.counterparty or "").strip() or parse_narration(line.narration, reading).name


def remark(line: Line, policy: Policy, reading: Reading) -> list[Run]:
    """The narration without the counterparty, the rail's fixed words and the boilerplate, plus description and tags."""
    parsed = parse_narration(line.narration, reading)
    runs = [words(text) for text in parsed.kept]
    name = _cut_name(line, parsed, reading)
    if (
        line.counterparty
        and parsed.name
        and not reading.slot_cut_for_explicit
        and words(parsed.name) != words(line.counterparty)
    ):
        runs.append(words(parsed.name))
    narration = [
        piece for run in runs for rest in without(name, run) for piece in without(policy.terms["boilerplate"], rest)
    ]
    more = [words(text) for text in (line.description, *line.tags)]
    if reading.name_cut_in_description:
        whole = _as_term(counterparty(line, reading))
        more = [piece for run in more for piece in without(whole, run)]
    runs = [run for run in (*narration, *more) if run]
    return [[word for run in runs for word in run]] if reading.terms_span_cuts else runs


def _as_term(name: str | None) -> list[Term]:
    return [tuple(TermWord(word, open_start=False, open_end=False) for word in words(name))] if words(name) else []


def _cut_name(line: Line, parsed: Parsed, reading: Reading) -> list[Term]:
    """The names to take out of what the rail has left: never in the counterparty's name."""
    if line.counterparty:
        one_word = len(words(line.counterparty)) == 1
        if one_word and not reading.single_word_name_cut:
            return []
        own = _as_term(line.counterparty) if reading.name_cut_everywhere or parsed.name is None else []
        slot = _as_term(parsed.name) if reading.name_cut_everywhere and reading.slot_cut_for_explicit else []
        return own + slot
    return _as_term(parsed.name) if reading.name_cut_everywhere else []


def company_texts(line: Line, reading: Reading) -> list[Run]:
    """Company terms are looked for in the counterparty, or in the whole narration where it is unknown."""
    return [words(counterparty(line, reading) or line.narration)]


def tokens(line: Line, reading: Reading) -> list[str]:
    """The explicit reference alone, where there is one; else the narration split on whitespace and `/ | , ; : ( )`."""
    text = line.reference.strip() if line.reference else line.narration
    text = unicodedata.normalize("NFKC", text) if reading.nfkc_tokens else text
    return [text] if line.reference else [token for token in re.split(r"[\s/|,;:()]+", text) if token]


def stripped(text: str) -> str:
    """Upper-cased and stripped to letters and digits."""
    return "".join(character for character in text.upper() if character.isalnum())


def references(line: Line, policy: Policy, invoice_numbers: Iterable[str], reading: Reading) -> list[str]:
    """Every token that matches is a reference, in order."""
    if policy.pattern:  # the pattern is searched in each token, so `^` and `$` bind to the token
        return [token for token in tokens(line, reading) if policy.pattern.search(token)]
    if line.reference:  # an explicit reference always counts as the transaction's `reference`
        return tokens(line, reading)
    numbers = {stripped(number) for number in invoice_numbers}
    return [token for token in tokens(line, reading) if _may_be_number(stripped(token)) and stripped(token) in numbers]


def _may_be_number(text: str) -> bool:
    """Has at least 4 characters with a digit among them."""
    return len(text) >= 4 and any(character.isdigit() for character in text)


# ------------------------------------------------------------------------------------------------ lists


@dataclass(frozen=True)
class Entry:
    """One allow or deny entry, of a tenant or of one account of it."""

    list: str
    field: str
    match: str
    value: str
    organization_id: str = "org"
    environment: str = "sandbox"
    account_id: str | None = None
    expires_at: datetime | None = None
    entry_id: str = field(default="entry")

    def applies(self, account: Account, now: datetime) -> bool:
        """An entry holds for an organisation and environment, or for one account of them; it may expire."""
        return (
            (self.organization_id, self.environment) == (account.organization_id, account.environment)
            and self.account_id in (None, account.account_id)
            and (self.expires_at is None or self.expires_at > now)
        )

    def matches(self, text: str, reading: Reading) -> bool:
        """Exact, contains, prefix or regex."""
        if self.match == "exact":
            if self.field == "reference":  # the same letters and digits
                return stripped(text) == stripped(self.value)
            return words(text) == words(self.value) and (bool(words(text)) or not reading.entry_needs_words)
        if self.match == "contains":  # the value as a term of section 2
            return holds([term(self.value)], [words(text)])
        if self.match == "prefix":  # of the normalised text, blanks collapsed
            return " ".join(normal(text).split()).startswith(" ".join(normal(self.value).split()))
        variants = {
            "nfkc": unicodedata.normalize("NFKC", text),
            "collapsed": " ".join(normal(text).split()),
            "raw": text,
        }
        return re.search(self.value, variants[reading.regex_text], re.IGNORECASE) is not None


def entry_texts(entry: Entry, line: Line, policy: Policy, found: Sequence[str], reading: Reading) -> list[str]:
    """A list entry names a field: `counterparty`, `narration`, `reference`, `tag`."""
    if entry.field == "counterparty":
        return [text for text in [counterparty(line, reading)] if text]
    if entry.field == "narration":
        return [line.narration] if given(line.narration) else []
    if entry.field == "tag":
        return list(line.tags)
    if reading.entry_reference == "explicit" and line.reference:
        return [*found, line.reference]
    return list(found) if reading.entry_reference != "first" else list(found[:1])


# ------------------------------------------------------------------------------------------------ the decision table


REASONS = {
    "denylisted": "personal_or_low_confidence",
    "debit_not_refund": "personal_or_low_confidence",
    "currency_unknown": "currency_mismatch",
    "currency_not_invoiced": "currency_mismatch",
    "reference_unparseable": "reference_mismatch",
    "never_settled": "personal_or_low_confidence",
    "reversal": "personal_or_low_confidence",
    "self_transfer": "personal_or_low_confidence",
    "personal_keyword": "personal_or_low_confidence",
    "below_floor_no_counterparty": "personal_or_low_confidence",
    "below_floor_no_signal": "personal_or_low_confidence",
    "low_confidence": "personal_or_low_confidence",
}
OUTCOMES = {"pending_settlement": "held", "allowlisted": "eligible", "business_signal": "eligible"}


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one line."""

    outcome: str
    reason: str | None
    detail: str
    score: int
    row: int
    counterparty: str | None
    reference: str | None


@dataclass(frozen=True)
class Signals:
    """Everything the decision table looks at, of one line."""

    denied: bool
    allowed: bool
    credit: bool
    refund: bool
    reversal: bool
    personal: bool
    business: bool
    company: bool
    currency: str | None
    invoiced: bool
    unparseable: bool
    pending: bool
    overdue: bool
    own_name: bool
    counterparty: str | None
    reference: str | None
    below_floor: bool
    score: int
    minimum: int


def is_own_name(name: str | None, holder: str | None) -> bool:
    """The counterparty is the account's own holder (the same set of two or more words)."""
    return set(words(name)) == set(words(holder)) and len(set(words(holder))) >= 2


def is_overdue(line: Line, policy: Policy, now: datetime, reading: Reading) -> bool:
    """A transaction that stays pending for 14 days (policy) is rejected."""
    if reading.pending_by == "day":
        return ((now + LAGOS).date() - (line.booked_at + LAGOS).date()).days >= policy.pending_days
    age = now - line.booked_at
    limit = timedelta(days=policy.pending_days)
    return age > limit + timedelta(days=1) if reading.pending_by == "more" else age >= limit


def signals(
    line: Line,
    account: Account,
    policy: Policy,
    entries: Sequence[Entry],
    invoice_numbers: Iterable[str],
    now: datetime,
    reading: Reading,
) -> Signals:
    """Each condition of the decision table, on its own."""
    texts = remark(line, policy, reading)
    name = counterparty(line, reading)
    found = references(line, policy, invoice_numbers, reading)
    listed = {
        entry.list
        for entry in entries
        if entry.applies(account, now)
        and any(entry.matches(text, reading) for text in entry_texts(entry, line, policy, found, reading))
    }
    currency = line.currency or account.currency  # a line without a currency has its account's
    floor = policy.floors.get(currency or "")
    below = floor is None or line.amount < floor  # the floor is strict; a currency without a floor counts as below
    business = holds(policy.terms["business"], texts)
    company = holds(policy.terms["company"], company_texts(line, reading))
    held = {"business_term": business, "reference": bool(found), "company": company, "at_or_above_floor": not below}
    refused = bool(policy.pattern and line.reference and not found)
    return Signals(
        denied="deny" in listed,
        allowed="allow" in listed,
        credit=line.direction == "credit",
        refund=holds(policy.terms["refund"], texts),
        reversal=holds(policy.terms["reversal"], texts),
        personal=holds(policy.terms["personal"], texts),
        business=business,
        company=company,
        currency=currency,
        invoiced=currency in policy.currencies,
        unparseable=refused,
        pending=line.status == "pending",
        overdue=is_overdue(line, policy, now, reading),
        own_name=is_own_name(name, account.holder),
        counterparty=name,
        reference=line.reference if refused and reading.unparsed_reference_shown else found[0] if found else None,
        below_floor=below,
        score=sum(policy.points[signal] for signal, holding in held.items() if holding),
        minimum=policy.points["minimum"],
    )


def decision_table(s: Signals) -> list[tuple[int, bool, str]]:
    """The thirteen rows in order: number, whether it holds, detail."""
    return [
        (1, s.denied, "denylisted"),
        (2, not s.credit and not s.refund, "debit_not_refund"),
        (3, s.currency is None, "currency_unknown"),
        (3, not s.invoiced, "currency_not_invoiced"),
        (4, s.unparseable, "reference_unparseable"),
        (5, s.pending and s.overdue, "never_settled"),
        (5, s.pending, "pending_settlement"),
        (6, s.allowed, "allowlisted"),
        (7, s.credit and s.reversal, "reversal"),
        (8, s.own_name, "self_transfer"),
        (9, s.personal, "personal_keyword"),
        (10, s.below_floor and s.counterparty is None, "below_floor_no_counterparty"),
        (11, s.below_floor and not s.business and s.reference is None, "below_floor_no_signal"),
        (12, s.score < s.minimum, "low_confidence"),
        (13, True, "business_signal"),
    ]


def decide(
    row: Mapping[str, object],
    account: Account,
    policy: Policy,
    entries: Sequence[Entry] = (),
    invoice_numbers: Iterable[str] = (),
    *,
    now: datetime,
    reading: Reading = Reading(),
) -> Verdict:
    """First row that holds decides."""
    s = signals(read_line(row), account, policy, entries, tuple(invoice_numbers), now, reading)
    number, _, detail = next(line for line in decision_table(s) if line[1])
    return Verdict(
        outcome=OUTCOMES.get(detail, "rejected"),
        reason=REASONS.get(detail),
        detail=detail,
        score=s.score,
        row=number,
        counterparty=s.counterparty,
        reference=s.reference,
    )


def doubts(
    row: Mapping[str, object],
    account: Account,
    policy: Policy,
    entries: Sequence[Entry] = (),
    invoice_numbers: Iterable[str] = (),
    *,
    now: datetime,
) -> list[str]:
    """The questions on whose answer the verdict hangs: empty where every reading says the same."""
    chosen = decide(row, account, policy, entries, invoice_numbers, now=now)
    found = []
    for question, answers in OTHER_READINGS.items():
        others = [replace(Reading(), **{question: answer}) for answer in answers]  # type: ignore[arg-type]
        verdicts = [decide(row, account, policy, entries, invoice_numbers, now=now, reading=other) for other in others]
        if any(verdict != chosen for verdict in verdicts):
            found.append(question)
    return found
