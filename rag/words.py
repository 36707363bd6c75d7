"""What the content words of a text are. English stop words; other languages keep all their words."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:['’]\w+)?", re.UNICODE)

STOP_WORDS = frozenset(
    """a an and any are as at be been being but by can could did do does for from had has have he her hers him
    his how i if in into is it its just me might more most my no nor not of off on or other our out over own she
    should so some such than that the their them then there these they this those through to too under until up
    us very was we were what when where which while who whom whose why will with would you your about after
    again all also am because before both during each few further here s t don now tell give say said know many
    much happen happened""".split()
)


def words(text: str) -> list[str]:
    """Lower-cased words, possessives cut.

    >>> words("Walz's 3,000 agents")
    ['walz', '3', '000', 'agents']
    """
    return [re.sub(r"['’]s$", "", word) for word in _WORD.findall(text.lower())]


def content_words(text: str) -> list[str]:
    """The words that carry meaning, in order.

    >>> content_words("When did the call take place?")
    ['call', 'take', 'place']
    """
    return [word for word in words(text) if word not in STOP_WORDS]


def stem(word: str) -> str:
    """A crude English stem, good enough to compare words of the same text collection.

    >>> stem("subpoenas"), stem("deployed"), stem("cities")
    ('subpoena', 'deploy', 'city')
    """
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            return word[: -len(ending)] + instead
    return word


def coverage(question: str, text: str) -> float:
    """The share of the question's content words that stand in the text, by stem; 0 for a question without any.

    >>> coverage("When did the call take place?", "The call took place on Monday.")
    0.6666666666666666
    """
    asked = {stem(word) for word in content_words(question)}
    return len(asked & {stem(word) for word in words(text)}) / len(asked) if asked else 0.0
