"""How alike two names are, of persons and firms as Nigerian banks and invoices write them (domain section 5).

Holds the comparison of names and nothing of money or invoices. A name is taken as its words: no case, accents, signs,
titles or legal form, and one spelling for each word that has several. The *bag* of a name is those words sorted, so
that their order does not count. Links are made by this, so that precision comes before recall; 95 and more means that
a person would take the two for one:

| similarity | because |
|---|---|
| 100 | the same words |
| 98 | the same letters in the same order, blanks elsewhere: PALM GROVE FOODS, PALMGROVE FOODS |
| 97, 96 | the one is the other cut at its end, within a word or after one |
| 96 | the one has initials for words of the other, and at least the family name in full |
| 95 to 99 | one slip of the pen in one long word, by Jaro-Winkler |
| 1 to 94 | a whole word and the beginning of another are shared: the share of equal letters, for whoever looks closer |
| 0 | nothing of this |

Each row is a join on a key, so that no name is held against all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import ratio
from rapidfuzz.process import cpdist

from rules.name_words import CUT_SHORT, FILLERS, FIRM_WORDS, GIVEN_NAMES, KIN, KNOWN, LEGAL, SAME, TITLES
from rules.text import normalised

SAME_NAME = 95
"""From here on two names are taken for one."""

_LEGAL_DIFFERS = 90
_TELLING_LETTERS = 12
_CUT_WORD = 3
_CUT_LETTERS = 10
_LONGEST = 6
_LONG_WORD = 7
_SHORTER_WORD = 5

_Way = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
_SIMILARITY = pl.Schema({"payer": pl.String(), "customer": pl.String(), "similarity": pl.UInt8()})
_SCORED = pl.Schema({"one": pl.UInt32(), "other": pl.UInt32(), "similarity": pl.UInt8()})


def similarity(one: str, other: str) -> int:
    """How alike two names are, from 0 to 100; what `similar_names` says of them."""
    found = similar_names(pl.Series([one]), pl.Series([other]), 1)
    return int(found["similarity"].item()) if len(found) else 0


def similar_names(payers: pl.Series, customers: pl.Series, minimum: int) -> pl.DataFrame:
    """Find who may be whom among many.

    Args:
        payers: names as banks write them; nulls and repeated ones are passed over.
        customers: names as invoices write them.
        minimum: the least similarity, 1 to 100.

    Returns:
        `payer`, `customer` (as given) and `similarity`: every pair of distinct values that reaches the minimum.

    """
    if not 1 <= minimum <= 100:
        message = f"the minimum of a name's similarity is from 1 to 100, not {minimum}"
        raise ValueError(message)
    frames = _side_by_side(partial(_written, names) for names in (payers, customers))
    written = dict(zip(("one", "other"), frames, strict=True))
    forms = pl.concat(frame.select("form") for frame in frames).unique(maintain_order=True)
    faces = _faces(forms.with_row_index("id"))
    ids = {
        side: frame.join(faces.select("id", "form"), on="form").select("name", "id") for side, frame in written.items()
    }
    ones, others = (faces.filter(pl.col("id").is_in(ids[side]["id"].implode())) for side in ("one", "other"))
    scored = _scored(ones, others, minimum).filter(pl.col("similarity") >= minimum)
    return (
        scored.join(ids["one"], left_on="one", right_on="id")
        .join(ids["other"], left_on="other", right_on="id", suffix="_other")
        .select(payer="name", customer="name_other", similarity="similarity")
        .cast(_SIMILARITY)
    )


# A name as its words


def _written(names: pl.Series) -> pl.DataFrame:
    """Each distinct name and its `form`: its words as written, whether a legal form stood among them and at their end.

    A name without any word has no row.
    """
    distinct = names.cast(pl.String).drop_nulls().unique().alias("name").to_frame().with_row_index("row")
    word, last = pl.col("word"), pl.col("row") != pl.col("row").shift(-1).fill_null(pl.len())
    words = (
        distinct.lazy()
        .select("row", word=_plain(pl.col("name")).str.extract_all(r"[\p{L}\p{Nd}]+"))
        .explode("word")
        .drop_nulls("word")
        .with_columns(word=word.replace(SAME), last=last)
        .filter(~word.is_in(FILLERS))
        .with_columns(legal=word.is_in(LEGAL) | (pl.col("last") & word.is_in(CUT_SHORT)), title=word.is_in(TITLES))
        .with_columns(plain=(~pl.col("legal") & ~pl.col("title")).sum().over("row"))
        .with_columns(titles=pl.col("title").sum().over("row"))
        .with_columns(
            kept=(~pl.col("legal") | (pl.col("plain") + pl.col("titles") == 0))
            & (~pl.col("title") | (pl.col("plain") < 2))
        )
        .group_by("row", maintain_order=True)
        .agg(
            words=word.filter("kept").str.join(" "),
            legal=pl.col("legal").any(),
            whole=pl.col("legal").last(),
        )
        .with_columns(
            form=pl.format("{}|{}|{}", "words", pl.col("legal").cast(pl.UInt8), pl.col("whole").cast(pl.UInt8))
        )
        .collect()
    )
    return distinct.join(words, on="row").select("name", "form")


def _plain(name: pl.Expr) -> pl.Expr:
    """A name in lower case without accents and apostrophes; `M/S` before a firm, which says nothing, is left out."""
    lower = normalised(name).str.to_lowercase()
    is_ascii = lower.str.len_bytes() == lower.str.len_chars()
    bare = pl.when(is_ascii).then(lower).otherwise(lower.str.normalize("NFD").str.replace_all(r"\p{M}", ""))
    return bare.str.replace_all(r"['\u2019`]", "").str.replace_all("[&+]", " and ").str.replace(r"^\s*m/s\b\.?", "")


def _faces(forms: pl.DataFrame) -> pl.DataFrame:
    """What each form is compared by: `id`, `form`, `words` (in order), `count`, `letters`, `bag`, `legal`, `whole`."""
    parts = pl.col("form").str.split("|")
    return (
        forms.with_columns(words=parts.list.get(0).str.split(" "), legal=parts.list.get(1) == "1")
        .with_columns(
            whole=parts.list.get(2) == "1",
            count=pl.col("words").list.len(),
            glued=pl.col("words").list.join(""),
            bag=_bag(pl.col("words")),
        )
        .with_columns(letters=pl.col("glued").str.len_chars())
    )


def _bag(words: pl.Expr) -> pl.Expr:
    return words.list.sort().list.join(" ")


# The ways in which names are alike; each gives `one`, `other`, `similarity`


def _scored(ones: pl.DataFrame, others: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """Every pair that is alike in some way, once, with the greatest similarity."""
    ways: list[Callable[[], pl.DataFrame]] = [partial(_slips, ones, others)]
    if minimum < SAME_NAME:
        ways.append(partial(_near, ones, others))
    for way in (_initials, _cut_word, _cut_after):
        ways += [partial(way, ones, others), partial(_turned, way, ones, others)]
    ways += [partial(_equal, ones, others), partial(_glued, ones, others)]
    found = _side_by_side(ways)
    every = pl.concat(pairs.select(_SCORED.names()) for pairs in found)
    return every.group_by("one", "other").agg(pl.col("similarity").max())


def _turned(way: _Way, ones: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """A way in which one is a shorter form of the other, the other way round."""
    return way(others, ones).rename({"one": "other", "other": "one"})


def _side_by_side(calls: Iterable[Callable[[], pl.DataFrame]]) -> list[pl.DataFrame]:
    """What each call gives. They are many small steps, of which Polars takes each on one core alone."""
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        return [coming.result() for coming in [pool.submit(call) for call in calls]]


def _met(ones: pl.DataFrame, others: pl.DataFrame, key: str, *also: str) -> pl.DataFrame:
    """The pairs that have a key alike: `one`, `other` and the named columns of both, the other's with a suffix."""
    return (
        ones.select(key, *also, one="id").join(others.select(key, *also, other="id"), on=key, suffix="_other").drop(key)
    )


def _alike(pairs: pl.DataFrame, score: int | pl.Expr) -> pl.DataFrame:
    value = score if isinstance(score, pl.Expr) else pl.lit(score)
    return pairs.select("one", "other", similarity=value).cast(_SCORED)


def _equal(ones: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The same words. A single word with a legal form is a firm, and no person of that name."""
    pairs = _met(ones, others, "bag", "count", "legal")
    lone = (pl.col("count") == 1) & (pl.col("legal") != pl.col("legal_other"))
    return _alike(pairs, pl.when(lone).then(_LEGAL_DIFFERS).otherwise(100))


def _glued(ones: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """The same letters in the same order, as rails write that take out the blanks."""
    long = pl.col("letters") >= _CUT_LETTERS
    return _alike(_met(ones.filter(long), others.filter(long), "glued", "bag").filter(_bags_differ()), 98)


def _bags_differ() -> pl.Expr:
    return pl.col("bag") != pl.col("bag_other")


def _initials(shorter: pl.DataFrame, longer: pl.DataFrame) -> pl.DataFrame:
    """Initials for words: all of them fit, no word is left over, and what is in full is a family name at least.

    Three words are needed, for one name and one initial fit too many persons.
    """
    word = pl.element()
    full = pl.col("words").list.filter(word.str.len_chars() > 2)
    telling = full.list.filter(~word.is_in(FIRM_WORDS))
    initials = pl.col("words").list.filter(word.str.len_chars() == 1).list.len()
    some = pl.col("count").is_between(3, _LONGEST)
    short = shorter.filter(some).filter(
        initials > 0,
        full.list.len() + initials == pl.col("count"),
        (telling.list.len() > 1) | (telling.list.filter(~word.is_in(GIVEN_NAMES)).list.len() > 0),
    )
    if short.is_empty():
        return pl.DataFrame(schema=_SCORED)
    wanted, begins = short.select("bag"), pl.col("words").list.eval(word.str.head(1)).list.sort().list.join("")
    likely = longer.filter(some).with_columns(begins=begins).join(short.select(begins=begins), on="begins", how="semi")
    met = [_met(short, variant.join(wanted, on="bag", how="semi"), "bag") for variant in _abbreviated(likely)]
    return _alike(pl.concat(met).unique(), 96) if met else pl.DataFrame(schema=_SCORED)


def _abbreviated(names: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Each name with each choice of its words, but not all of them, as initials: `id`, `bag`."""
    for (count,), group in names.group_by("count"):
        size = int(str(count))
        words = group.select("id", *(pl.col("words").list.get(place).alias(f"w{place}") for place in range(size)))
        for chosen in range(1, 2**size - 1):
            parts = [
                pl.col(f"w{place}").str.head(1) if chosen >> place & 1 else pl.col(f"w{place}") for place in range(size)
            ]
            yield words.select("id", bag=_bag(pl.concat_list(parts)))


def _cut_after(shorter: pl.DataFrame, longer: pl.DataFrame) -> pl.DataFrame:
    """The first words of a name, its last ones cut off: two words and twelve letters that tell somebody are left.

    A name that ends in its legal form is whole; what is missing must not be what tells a firm from its namesake; and
    given names alone are not somebody.
    """
    word = pl.element()
    short = shorter.filter(~pl.col("whole"), pl.col("count") > 1, pl.col("letters") >= _TELLING_LETTERS).filter(
        pl.col("words").list.filter(~word.is_in(GIVEN_NAMES)).list.len() > 0
    )
    met = []
    for left in range(2, _LONGEST):
        begun = longer.filter(pl.col("count") > left, ~pl.col("words").list.get(left, null_on_oob=True).is_in(KIN))
        begun = begun.select("id", bag=_bag(pl.col("words").list.head(left)))
        met.append(_met(short.filter(pl.col("count") == left), begun, "bag"))
    return _alike(pl.concat(met), 96)


def _cut_word(shorter: pl.DataFrame, longer: pl.DataFrame) -> pl.DataFrame:
    """The last word of a name is cut: at least three letters of it are left, and they are no name by themselves."""
    last, rest = pl.col("words").list.last(), pl.col("words").list.slice(0, pl.col("count") - 1)
    short = shorter.filter(
        ~pl.col("whole"),
        pl.col("count").is_between(2, _LONGEST),
        pl.col("letters") >= _CUT_LETTERS,
        last.str.len_chars() >= _CUT_WORD,
        ~last.is_in(KNOWN),
    ).select("id", last=last, count="count", key=pl.concat_str(_bag(rest), last.str.head(_CUT_WORD), separator="|"))
    met = []
    for size in short["count"].unique().to_list():
        begun = longer.filter(pl.col("count") >= size).select(
            "id", words=pl.col("words").list.head(size), full=pl.col("count") == size
        )
        for one, others in _without_one(size):
            keyed = begun.select(
                "id", "full", last=one, key=pl.concat_str(_bag(others), one.str.head(_CUT_WORD), separator="|")
            )
            pairs = _met(short.filter(pl.col("count") == size), keyed, "key", "last")
            met.append(pairs.join(keyed.select("id", "full").unique(), left_on="other", right_on="id"))
    if not met:
        return pl.DataFrame(schema=_SCORED)
    cut = pl.concat(met).filter(
        pl.col("last_other").str.starts_with(pl.col("last")), pl.col("last_other") != pl.col("last")
    )
    return _alike(cut, pl.when("full").then(97).otherwise(96))


def _without_one(size: int) -> Iterator[tuple[pl.Expr, pl.Expr]]:
    """For each place of a name of so many words: the word there, and the list of the others."""
    words = pl.col("words")
    for place in range(size):
        yield words.list.get(place), pl.concat_list(words.list.slice(0, place), words.list.slice(place + 1))


def _slips(ones: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """All words but one are the same, and that one is long and differs by one letter: left out, put in, wrong, swapped.

    Two names that both exist are no slips of each other, nor are two that begin with another letter. Of three words and
    more a word of five letters is long enough, of two one of seven.
    """
    one, other = _with_one_apart(ones), _with_one_apart(others)
    slips = _slipped(one["word"].unique(), other["word"].unique())
    met = one.join(slips, on="word").join(
        other, left_on=["rest", "word_other"], right_on=["rest", "word"], suffix="_other"
    )
    return _alike(met.rename({"id": "one", "id_other": "other"}), pl.col("similarity"))


def _with_one_apart(names: pl.DataFrame) -> pl.DataFrame:
    """Each name with each of its long words taken out: `id`, `word`, `rest`."""
    met = []
    for size in range(2, _LONGEST + 1):
        places = [f"word{place}" for place in range(size)]
        words = names.filter(pl.col("count") == size).select("id", words=pl.col("bag").str.split(" "))
        words = words.select("id", *(pl.col("words").list.get(place).alias(name) for place, name in enumerate(places)))
        least = _SHORTER_WORD if size > 2 else _LONG_WORD
        for name in places:
            long = words.filter(pl.col(name).str.len_chars() >= least, ~pl.col(name).str.contains(r"\d"))
            rest = pl.concat_str([other for other in places if other != name], separator=" ")
            met.append(long.select("id", word=name, rest=rest))
    return pl.concat(met).unique()


def _slipped(words: pl.Series, others: pl.Series) -> pl.DataFrame:
    """The words that are one slip apart: `word`, `word_other`, `similarity`.

    Such two are the same once a letter is taken out of each, or of the longer.
    """
    word, word_other = pl.col("word"), pl.col("word_other")
    pairs = _with_letter_out(words).join(_with_letter_out(others), on=["first", "left"], suffix="_other")
    pairs = pairs.filter(word != word_other, ~(word.is_in(KNOWN) & word_other.is_in(KNOWN)))
    pairs = pairs.select("word", "word_other").unique()
    slips = pairs.filter(_measured(pairs, "word", OSA.distance) == 1)
    percent = _measured(slips, "word", JaroWinkler.normalized_similarity) * 100
    return slips.with_columns(similarity=percent.floor().clip(SAME_NAME, 99))


def _with_letter_out(words: pl.Series) -> pl.DataFrame:
    """Each word as it is and with each of its letters taken out: `word`, its `first` letter, what is `left`."""
    whole = words.alias("word").to_frame().with_columns(first=pl.col("word").str.head(1), left="word")
    length = pl.col("word").str.len_chars()
    longest = whole.select(length.max().fill_null(0)).item()
    without = [
        whole.filter(length > place).with_columns(
            left=pl.concat_str(pl.col("word").str.head(place), pl.col("word").str.slice(place + 1))
        )
        for place in range(longest)
    ]
    return pl.concat([whole, *without])


def _measured(pairs: pl.DataFrame, text: str, measure: Callable[..., float]) -> pl.Series:
    """What rapidfuzz says of a text and the other's, pair by pair."""
    texts = (pairs[name].to_list() for name in (text, f"{text}_other"))
    return pl.Series(cpdist(*texts, scorer=measure, dtype=np.float64), dtype=pl.Float64)


def _near(ones: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """A whole word and the beginning of another are shared: the share of equal letters, below what makes one name."""
    pairs = _met(_beginnings(ones), _beginnings(others), "key", "bag").unique()
    share = _measured(pairs, "bag", ratio).alias("share")
    return _alike(pairs.with_columns(share), pl.col("share").floor().clip(0, SAME_NAME - 1))


def _beginnings(names: pl.DataFrame) -> pl.DataFrame:
    """Each word of three letters and more with the first three of each other word: `id`, `bag`, `key`."""
    words = names.filter(pl.col("count") > 1).select("id", "bag", word="words").explode("word").unique()
    words = words.filter(pl.col("word").str.len_chars() >= _CUT_WORD)
    telling = words.filter(~pl.col("word").is_in(FIRM_WORDS))
    both = telling.join(words.select("id", begun="word"), on="id").filter(pl.col("word") != pl.col("begun"))
    key = pl.concat_str("word", pl.col("begun").str.head(_CUT_WORD), separator="|")
    return both.select("id", "bag", key=key).unique()
