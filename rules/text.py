"""Text as the rules see it: normalised characters, words, and the terms of a policy (domain section 2).

A text is compared in its *word form*: its words in lower case, a blank before and after each, so two blanks between
neighbours: "POCKET-money 7" is " pocket  money ". In that form a term is a plain run of characters that can be found
with one scan for a whole list of terms, and no match can use up the blank that its neighbour needs.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from rules.errors import RulesError

NOT_LETTERS = r"[^\p{L}\p{M}]+"
GROWS = "\u0130"  # a capital that no pattern takes for the two characters it becomes in lower case
BREAK = "\n"  # between texts that follow each other: no term reaches across it


def normalised(text: pl.Expr) -> pl.Expr:
    """Text in Unicode's NFKC form, its case kept; plain ASCII passes through, for it is normal already."""
    return text.map_batches(_normalised, return_dtype=pl.String, is_elementwise=True)


def _normalised(texts: pl.Series) -> pl.Series:
    ascii_only = texts.str.len_bytes() == texts.str.len_chars()
    if ascii_only.all():
        return texts
    others = pl.when(~ascii_only).then(texts).str.normalize("NFKC")
    return pl.select(pl.when(ascii_only).then(texts).otherwise(others)).to_series()


def word_form(text: pl.Expr) -> pl.Expr:
    """The words of a normalised text in lower case, each between blanks; a text without words gives blanks only."""
    words = text.str.to_lowercase().str.replace_all(NOT_LETTERS, "  ").str.strip_chars(" ")
    return pl.concat_str([pl.lit(" "), words, pl.lit(" ")])


def collapsed(text: pl.Expr) -> pl.Expr:
    """A normalised text in lower case, each run of blanks one blank, none at the ends."""
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(" ")


def letters_and_digits(text: pl.Expr) -> pl.Expr:
    """A normalised text upper-cased and stripped to letters and digits, as references are compared."""
    return text.str.to_uppercase().str.replace_all(r"[^\p{L}\p{Nd}]", "")


def normalised_value(value: str) -> str:
    """One value as `normalised` makes a column of them, in lower case besides."""
    return unicodedata.normalize("NFKC", value).lower()


def words_of(value: str) -> list[str]:
    """The words of one value, as `word_form` makes them of a column."""
    letters = (char if unicodedata.category(char)[0] in "LM" else " " for char in normalised_value(value))
    return "".join(letters).split()


def _word_pattern(word: str) -> str:
    """One word of a term between its blanks, as a regular expression over word forms."""
    before = "" if not word.startswith("*") else "[^ \n]*"
    after = "" if not word.endswith("*") else "[^ \n]*"
    return f" {before}{re.escape(word.strip('*'))}{after} "


@dataclass(frozen=True)
class Term:
    """One or more words that are looked for one after the other; a word may start or end with `*`."""

    text: str
    words: tuple[str, ...]

    @cached_property
    def literal(self) -> str | None:
        """What to find in a word form, where the term's stars are at its own ends only; else None."""
        inner = [*(word.endswith("*") for word in self.words[:-1]), *(word.startswith("*") for word in self.words[1:])]
        if any(inner):
            return None
        first, last = self.words[0], self.words[-1]
        bare = "  ".join(word.strip("*") for word in self.words)
        return f"{'' if first.startswith('*') else ' '}{bare}{'' if last.endswith('*') else ' '}"

    @property
    def pattern(self) -> str:
        """A regular expression that finds the term in a word form, with no more around it than it needs."""
        return re.escape(self.literal) if self.literal is not None else self.whole_words

    @property
    def hint(self) -> str:
        """A regular expression that finds the term's first word in any text, ignoring case, or something like it."""
        word = self.words[0]
        before, after = ("" if word.startswith("*") else "(?:^|[^a-z])"), ("" if word.endswith("*") else "(?:$|[^a-z])")
        return f"{before}{re.escape(word.strip('*'))}{after}"

    @property
    def piece(self) -> str | None:
        """Letters that stand in every ASCII text which holds the term, in either case; None where none can hold it."""
        bare = [word.strip("*") for word in self.words]
        return max(bare, key=len) if all(word.isascii() for word in bare) else None

    @property
    def whole_words(self) -> str:
        """A regular expression that takes the matched words whole, with their blanks."""
        return "".join(_word_pattern(word) for word in self.words)


def parse_term(text: str) -> Term:
    """Read a term as a policy or a list writes it.

    Raises:
        RulesError: a word holds anything but letters, with `*` at its ends.

    """
    words = tuple(normalised_value(text).split())
    for word in words:
        bare = word.removeprefix("*").removesuffix("*")
        if not bare or any(unicodedata.category(char)[0] not in "LM" for char in bare):
            message = (
                f"the term {text!r} may hold letters and blanks only, and a * at the start or end of a word; "
                "digits and signs separate words and are never looked for"
            )
            raise RulesError(message)
    if not words:
        message = "a term is empty; write at least one word"
        raise RulesError(message)
    return Term(text, words)


@dataclass(frozen=True)
class TermList:
    """Terms that are looked for together, in one scan."""

    terms: tuple[Term, ...]

    @cached_property
    def pattern(self) -> str:
        """All terms as alternatives, in the order of the list."""
        return "|".join(term.pattern for term in self.terms)

    def found_in(self, text: pl.Expr) -> pl.Expr:
        """The run of a word form where the leftmost term matches; null where none does."""
        if not self.terms:
            return pl.lit(None, dtype=pl.String)
        return text.str.extract(self.pattern, 0)

    def may_be_in(self, text: pl.Expr) -> pl.Expr:
        """Whether a term may stand in a normalised text: one scan of the text as it is, that misses none."""
        if not self.terms:
            return pl.lit(value=False)
        return text.str.contains("|".join((f"(?i){GROWS}", *(term.hint for term in self.terms))))

    def find(self, form: pl.Expr, *, kind: str, place: str) -> dict[str, pl.Expr]:
        """Which term stands in a word form, and where: `<kind>_term` and `<kind>_at`."""
        found = self.found_in(form)
        return {f"{kind}_term": self.term_of(found), f"{kind}_at": place_of(form, found, place)}

    def term_of(self, found: pl.Expr) -> pl.Expr:
        """The term, as it was written, that `found_in` found; of several that find the same, the first."""
        by_literal: dict[str, str] = {}
        for term in self.terms:
            if term.literal is not None:
                by_literal.setdefault(term.literal, term.text)
        name = found.replace_strict(list(by_literal), list(by_literal.values()), default=None, return_dtype=pl.String)
        starred = [
            pl.when(found.str.contains(f"^(?:{term.pattern})$")).then(pl.lit(term.text))
            for term in self.terms
            if term.literal is None
        ]
        return pl.coalesce([name, *starred]) if starred else name

    def removed_from(self, text: pl.Expr) -> pl.Expr:
        """A word form without the words that any term matches, a break where they stood."""
        if not self.terms:
            return text
        whole = "|".join(term.whole_words for term in self.terms)
        return pl.when(text.str.contains(self.pattern)).then(text.str.replace_all(whole, BREAK)).otherwise(text)


def place_of(text: pl.Expr, found: pl.Expr, name: str) -> pl.Expr:
    """Where in a word form a find begins, as "<name> word 3", counted from 1; null where nothing was found.

    The text may hold no blanks but the two of each word, whatever breaks stand between words.
    """
    before = text.str.splitn(found, 2).struct.field("field_0")
    # A find that begins within a word leaves one of its blanks behind.
    return pl.format(f"{name} word {{}}", before.str.count_matches(" ", literal=True) // 2 + 1)
