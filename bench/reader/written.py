"""Training articles written for newsdesk: invented news, with questions in other words than the article's.

    python -m bench.reader.written bench/reader/articles/*.txt

reads them and says what is wrong. A file holds articles one after the other:

    # The title
    A paragraph a line, blank lines between.

    Q: A question that one sentence answers.
    A: the shortest exact answer | another way to put it, also exact
    IN: some words of that sentence, where the answer stands in several
    U: A question about the same matters that the article doesn't answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from index.passages import sentences
from rag.metrics import auroc
from rag.words import coverage

MOST_SHARED = 0.67
"""No question shares more of its content words with the sentence that answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`answer` is `[start, end)` of the article's text, None where the article doesn't answer."""

    question: str
    answer: tuple[int, int] | None = None
    answers: tuple[str, ...] = ()


@dataclass(slots=True)
class Written:
    """An article and its questions; `at`: file and line of its title."""

    title: str
    at: str
    text: str = ""
    asked: list[Asked] = field(default_factory=list)


def sentence_at(text: str, start: int) -> tuple[int, int]:
    return next(((a, b) for a, b in sentences(text) if a <= start < b), (0, len(text)))


def _asked(article: Written, question: str, lines: dict[str, str]) -> Asked:
    """Raises ValueError where the answer can't be placed or the question copies its sentence."""
    answers = tuple(a.strip() for a in lines.get("A", "").split("|") if a.strip())
    if not answers:
        raise ValueError(f"no answer for {question!r}")
    places = (at for at in range(len(article.text)) if article.text.startswith(answers[0], at))
    sentences_at = {at: article.text[slice(*sentence_at(article.text, at))] for at in places}
    found = [(at, sentence) for at, sentence in sentences_at.items() if lines.get("IN", "") in sentence]
    if len(found) != 1:
        raise ValueError(f"{answers[0]!r} stands in {len(found)} places for {question!r}; say which by IN:")
    ((start, sentence),) = found
    if lost := [a for a in answers if a not in article.text]:
        raise ValueError(f"{lost[0]!r} isn't in the article")
    if coverage(question, sentence) > MOST_SHARED:
        raise ValueError(f"{question!r} copies its sentence: {sentence!r}")
    return Asked(question, (start, start + len(answers[0])), answers)


def read(path: Path, problems: list[str] | None = None) -> Iterator[Written]:
    """The file's articles. A question with a fault is left out and told in `problems`; without them it raises."""
    article: Written | None = None
    question, lines = "", dict[str, str]()

    def fault(told: str) -> None:
        if problems is None:
            raise ValueError(told)
        problems.append(told)

    def close() -> None:
        nonlocal question, lines
        if article and question:
            try:
                article.asked.append(_asked(article, question, lines))
            except ValueError as error:
                fault(f"{article.at}: {error}")
        question, lines = "", {}

    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        kind, _, rest = line.partition(": ")
        if line.startswith("# "):
            close()
            if article:
                yield article
            article = Written(line[2:].strip(), f"{path.name}:{number}")
        elif article is None or not line.strip():
            continue
        elif kind == "Q":
            close()
            question = rest.strip()
        elif kind == "U":
            close()
            article.asked.append(Asked(rest.strip()))
        elif kind in ("A", "IN") and question:
            lines[kind] = rest.strip()
        elif article.asked or question:
            fault(f"{path.name}:{number}: text behind the questions: {line[:60]!r}")
        else:
            article.text += ("\n\n" if article.text else "") + line.strip()
    close()
    if article:
        yield article


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("files", nargs="+", type=Path)
    problems: list[str] = []
    articles = [a for path in parser.parse_args().files for a in read(path, problems)]
    asked = [(article, q) for article in articles for q in article.asked]
    answered = [(article, q, q.answer) for article, q in asked if q.answer]
    shares = [coverage(q.question, a.text[slice(*sentence_at(a.text, at[0]))]) for a, q, at in answered]
    print(*problems, sep="\n")
    print(
        f"{len(articles)} articles, {len(answered)} questions answered and {len(asked) - len(answered)} not, "
        f"sharing {sum(shares) / max(len(shares), 1):.2f} of their words with the sentence; {len(problems)} problems"
    )
    with_article = [coverage(q.question, f"{a.title} {a.text}") for a, q in asked]
    told = auroc(with_article, [q.answer is None for _, q in asked])
    if told is not None:
        with_, without = (
            mean(share for share, (_, q) in zip(with_article, asked, strict=True) if bool(q.answer) == answerable)
            for answerable in (True, False)
        )
        print(
            f"with the whole article: answered {with_:.2f}, not answered {without:.2f}; who went by that "
            f"would tell them apart with an AUROC of {told:.2f} (.50: it is no clue)"
        )
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
