"""The names that a quote has, and which of a statement's it lacks: abbreviations, countries, halves of names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.facts import facts
from rag.names import GROUPS, Name, fold, same_name


def unknown_names(names: Sequence[Name], quote: str, context: str) -> tuple[list[str], list[str]]:
    """Names that the quote doesn't have, and reasons why others stand in it only by half."""
    unknown: list[str] = []
    half: list[str] = []
    here = KnownNames.of(quote)
    there = KnownNames.of(context)
    for name in names:
        missing = [word for word in name.words if not (here.has(word) or name.acronym and here.spells_out(word))]
        text = " ".join(name.words)
        if not missing or here.abbreviates(name.words):
            if not missing and len(name.words) > 1 and here.only_others(name.words):
                unknown.append(text)
            continue
        if name.weak:
            continue  # maybe a common word, and then only one of the words that are covered or not
        if len(name.words) > 1 and here.has(name.words[-1]) and not here.other_first(name.words):
            half.append(f"only {name.words[-1]!r} of {text!r} is in the quote")
        elif all(there.has(word) for word in missing):
            half.append(f"{text!r} is in the title, not in the quote")
        else:
            unknown.append(text)
    return unknown, half


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The words of a text, folded, and its names."""

    words: frozenset[str]
    names: tuple[Name, ...]
    prefixes: dict[str, tuple[str, ...]]
    grouped: tuple[str, ...]
    initials: str

    @staticmethod
    @lru_cache(maxsize=2048)
    def of(text: str) -> KnownNames:
        found = [fold(word) for word in re.findall(r"[\w.&'’-]+", text)]
        parts = [part for word in found for part in re.split(r"[-–]", word)]
        pairs = [f"{one}-{two}" for one, two in zip(found, found[1:], strict=False)]
        words = frozenset([*found, *parts, *pairs])
        prefixes: dict[str, tuple[str, ...]] = {}
        for word in words:
            prefixes[word[:4]] = (*prefixes.get(word[:4], ()), word)
        return KnownNames(
            words,
            facts(text).names,
            prefixes,
            tuple(word for word in words if word in GROUPS),
            "".join(word[:1] for word in found),
        )

    def has(self, word: str) -> bool:
        near = (*self.prefixes.get(word[:4], ()), *self.grouped)
        if word in self.words or any(same_name(word, other) for other in near):
            return True
        parts = re.split(r"[-–]", word)
        return len(parts) > 1 and all(self.has(part) for part in parts)

    def spells_out(self, acronym: str) -> bool:
        """Whether words that follow each other have these initials: "gross domestic product" for GDP."""
        letters = acronym.replace(".", "")
        named = any("".join(word[0] for word in name.words) == letters for name in self.names if len(name.words) > 1)
        return named or len(letters) > 2 and letters in self.initials

    def holds(self, words: Sequence[str]) -> bool:
        return all(self.has(word) for word in words) or self.abbreviates(words)

    def abbreviates(self, words: Sequence[str]) -> bool:
        """Whether the text has the initials of these words, or the words that share a country's group with them."""
        initials = "".join(word[0] for word in words)
        joined = "-".join(words)
        return len(words) > 1 and (
            initials in self.words
            or any(initials == word.replace(".", "") for word in self.words if "." in word)
            or any(same_name(joined, word) for word in self.grouped)
        )

    def other_first(self, words: Sequence[str]) -> bool:
        """Whether the text has this last word only in names with other first words: "Ida Krall" for "Ada Krall"."""
        firsts = [set(name.words[:-1]) for name in self.names if len(name.words) > 1 and name.words[-1] == words[-1]]
        return bool(firsts) and not any(first <= set(words) for first in firsts)

    def only_others(self, words: Sequence[str]) -> bool:
        """As `other_first`, where the text has all the words, but maybe of two names."""
        firsts = [set(name.words[:-1]) for name in self.names if words[-1] in name.words]
        return bool(firsts) and all(first and not first & set(words) for first in firsts)
