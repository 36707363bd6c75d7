"""Example questions that a collection suggests by itself: sentences turned round by a few rules of English grammar.

"Around 400 firefighters were sent out." asks "How many firefighters were sent out?". Only what the rules surely cover
is turned, and only what the bot then answers from that very sentence is shown. Where too little comes of it (texts in
another language), "What is reported about NAME?" fills up.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from index.errors import ArticleMissing
from index.passages import sentences
from index.types import Article, Section
from rag.follow_up import names
from rag.types import Answer

ARTICLES = 24
"""So many articles, spread over the collection, are looked at."""
TRIES = 16
"""So many questions are asked at most: each costs an answer."""
SENTENCES = 60
"""So many of an article's first sentences are looked at."""
LONGEST = 90
_PLAIN = r"(?:[^,;:—–()“”\"‘.?!]|(?<=\d)[.,:](?=\d))"
_END = r"[.,;](?!\d)"
"""A sentence or a part of it is over; the point of 52.3 ends nothing."""
_NUMBER = (
    r"(?:about |around |some |nearly |almost |over |only |at least |more than |fewer than |up to |all )?"
    r"(?:\d[\d,.]*(?: (?:thousand|million|billion))?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:dozens|hundreds|thousands) of)"
)
_HELPER = r"(?:was|were|is|are|has|have|had|will|would)"
_DATE = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:\d{1,2} )?(?:(?:January|February|March|April|May|June|July"
    r"|August|September|October|November|December)(?: \d{1,2}\b)?(?:,? \d{4})?|(?:1[5-9]|20)\d\d)\b"
)
_ON_DATE = rf"(?:on|in) (?:the (?:morning|afternoon|evening|night) of )?{_DATE}"
_ACTED = {
    "fell": "fall", "broke": "break", "began": "begin", "rose": "rise", "sank": "sink", "struck": "strike",
    "flew": "fly", "came": "come", "took": "take", "left": "leave", "met": "meet", "won": "win", "lost": "lose",
    "died": "die", "hit": "hit", "became": "become", "found": "find", "opened": "open", "closed": "close",
    "landed": "land", "crashed": "crash", "collapsed": "collapse", "erupted": "erupt", "ended": "end",
    "started": "start", "returned": "return", "arrived": "arrive", "reached": "reach", "signed": "sign",
    "announced": "announce", "resigned": "resign", "launched": "launch", "crossed": "cross", "exploded": "explode",
    "declared": "declare", "voted": "vote", "passed": "pass", "led": "lead", "discovered": "discover",
    "stepped": "step", "wrote": "write", "designed": "design", "built": "build", "founded": "found",
    "ordered": "order", "killed": "kill", "agreed": "agree", "promised": "promise", "warned": "warn",
    "called": "call", "moved": "move", "made": "make", "sent": "send",
}  # fmt: skip
_ACT = rf"(?:{'|'.join(_ACTED)})"
_DONE = rf"(?:(?:been|be) )?(?:[a-z-]+ed|{_ACT}|shot|held|put|born|begun|brought|given|shut|taken|seen|sold|written)\b"
_HOW_MANY = re.compile(
    rf"^{_NUMBER} (?P<what>(?:[a-z][a-z-]+ ){{1,2}}?)(?P<rest>(?:{_HELPER}|{_ACT}|[a-z]+ed) {_PLAIN}{{3,60}}){_END}",
    re.I,
)
_WHEN = re.compile(
    rf"^(?P<first>{_ON_DATE},? )?(?P<what>{_PLAIN}{{3,45}}?) "
    rf"(?:(?P<helper>{_HELPER}) (?P<done>{_DONE})|(?P<act>{_ACT})\b)(?P<rest>{_PLAIN}{{0,45}}?)"
    rf"(?(first)(?:{_END})|,? {_ON_DATE})",
    re.I,
)
_WHO = re.compile(
    r"(?P<name>[A-Z][\w'’-]+(?: [A-Z][\w'’.-]+){1,2}), (?:\d\d, )?(?:an?|the) (?P<role>[a-z][\w' -]{3,60})[,.]"
)
_WHO_DID = re.compile(rf"^(?!The |A |An )(?:[A-Z][a-z'’-]+ ){{2,3}}(?P<act>{_ACT}) (?P<rest>{_PLAIN}{{8,60}}){_END}")
_LEANS = re.compile(
    r"\b(?:it|its|he|she|his|her|they|their|them|this|that|these|those|there|here|which|who|what|both|others?|ones?|more"
    r"|after|before|since|until|also|then|so|but|and|or|if|when|while|where|because|later|himself|herself|itself|themselves|such|same|i|we|you|our|my)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Example:
    """A question and where the sentence that it was made of stands."""

    question: str
    article_id: str
    start: int
    end: int


class Collection(Protocol):
    """The part of a PassageStore that this module asks."""

    @property
    def generation(self) -> int: ...
    def article_ids(self) -> Sequence[str]: ...
    def article(self, article_id: str) -> Article: ...


class ExampleQuestions:
    """A collection's example questions, found once for each state of it. `ask` answers a question."""

    def __init__(self, collection: Collection, ask: Callable[[str], Answer]) -> None:
        self._collection = collection
        self._ask = ask
        self._lock = threading.Lock()
        self._stopped = False
        self._known: tuple[int, int, list[str]] | None = None

    def find(self, count: int) -> list[str]:
        """At most `count` questions, each about another article and each answered."""
        count = max(count, 0)
        with self._lock:
            generation = self._collection.generation
            if self._known is None or self._known[0] != generation or self._known[1] < count:
                self._known = (generation, count, _varied(list(islice(self._answered(), 2 * count))))
            return self._known[2][:count]

    def stop(self) -> None:
        """Ends a search that another thread is at, and waits for the question that it is asking."""
        self._stopped = True
        with self._lock:
            pass

    def _answered(self) -> Iterator[str]:
        left = TRIES
        used: set[str] = set()
        spread = self._spread()
        for article in spread:
            for example in islice(examples_from(article), 1):
                left -= 1
                if self._stopped:
                    return
                if left >= 0 and _answers(self._ask(example.question), example):
                    used.add(article.id)
                    yield example.question
        for article in spread:
            known = [name for name in names(article.title) if article.text.count(name) > 1]
            if article.id not in used and known and left > 0 and not self._stopped:
                left -= 1
                question = f"What is reported about {max(known, key=article.text.count)}?"
                if not self._ask(question).refused:
                    yield question

    def _spread(self) -> list[Article]:
        ids = self._collection.article_ids()
        found = []
        for id in ids[:: max(1, len(ids) // ARTICLES)][:ARTICLES]:
            try:
                found.append(self._collection.article(id))
            except ArticleMissing:
                continue  # deleted a moment ago
        return found


def _varied(questions: Sequence[str]) -> list[str]:
    """The questions with those first whose kind ("Who", "When", "How") was not there yet."""
    seen: Counter[str] = Counter()
    ranked = []
    for question in questions:
        kind = question.split()[0]
        ranked.append((seen[kind], question))
        seen[kind] += 1
    return [question for _, question in sorted(ranked, key=lambda pair: pair[0])]


def _answers(answer: Answer, example: Example) -> bool:
    """Whether the sentence that the question was made of answers it, first and undisputed."""
    first = answer.citations[0] if answer.citations else None
    return (
        first is not None
        and not answer.refused
        and not answer.disagreement
        and first.article_id == example.article_id
        and first.start < example.end
        and example.start < first.end
    )


def examples_from(article: Article) -> Iterator[Example]:
    """The article's questions, without those that could be about anything ("When did buses arrive?")."""
    found: list[Example] = []
    for section in article.sections or (Section("", 0, len(article.text)),):
        inside = article.text[section.start : section.end]
        for start, end in sentences(inside)[:SENTENCES]:
            for question in questions_of(inside[start:end], article.text):
                found.append(Example(question, article.id, section.start + start, section.start + end))
    unique = {example.question: example for example in found}.values()
    yield from (one for one in unique if names(one.question) or one.question.startswith("How many"))


def questions_of(sentence: str, text: str = "") -> Iterator[str]:
    """The sentence's questions. `text` tells whether its first word is a name: "Buses" is none where "buses" stands.

    >>> list(questions_of("Around 400 firefighters were sent out."))
    ['How many firefighters were sent out?']
    >>> list(questions_of("The Berlin Wall was opened on 9 November 1989."))
    ['When was the Berlin Wall opened?']
    >>> list(questions_of("Alex Pretti, 37, a nurse in intensive care, was shot."))
    ['Who is Alex Pretti?']
    """
    line = " ".join(sentence.split())
    asked = []
    if found := _HOW_MANY.match(line):
        asked.append(f"How many {found['what']}{found['rest'].strip()}?")
    if found := _WHEN.match(line):
        what, rest = found["what"].strip(), found["rest"].strip()
        if not _is_name(what.split(), text):
            what = what[0].lower() + what[1:]
        helper, done = (found["helper"], found["done"]) if found["helper"] else ("did", _ACTED[found["act"].lower()])
        asked.append(" ".join(filter(None, ["When", helper, what, done, rest])) + "?")
    if (found := _WHO_DID.match(line)) and not _LEANS.match(line):
        asked.append(f"Who {found['act']} {found['rest'].strip()}?")
    if found := _WHO.search(line):
        asked.append(f"Who is {found['name']}?")
    for question in asked:
        words = question.split(" ", 2 if question.startswith("How") else 1)[-1]
        if len(question) <= LONGEST and not _LEANS.search(words):
            yield question


def _is_name(words: Sequence[str], text: str) -> bool:
    """Whether a sentence's first word keeps its capital inside another: "Titanic" does, "Buses" doesn't."""
    first = words[0]
    if first.lower() in ("the", "a", "an") or re.search(rf"\b{re.escape(first.lower())}\b", text):
        return False
    elsewhere = re.search(rf"[a-z,] {re.escape(first)}\b", text)
    return bool(elsewhere) or not (first.endswith("s") or (len(words) > 1 and words[1][0].islower()))
