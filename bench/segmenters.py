"""Compares the sentence segmenters nupunkt and sentencex on what news text is made of, and prints a table.

    python bench/segmenters.py

Each case is written with `|` where a sentence should end; a segmenter's cuts are compared with those marks. It times
them on a longer text too. sentencex is no dependency of newsdesk: `pip install sentencex`. What it leaves out:
languages other than English, and the cuts at paragraph ends, which index.passages makes itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

CASES = """
U.S.|The U.S. Senate voted on Tuesday.|The bill goes to the House.
U.S. ends|He moved to the U.S.|She stayed behind.
U.S. govt|A U.S. District Court judge in the U.S. ruled on it.|Nobody appealed.
U.N.|The U.N. Security Council met.|It did not vote.
D.C.|They marched in Washington, D.C. on Friday.|Police counted 4,000 people.
D.C. ends|They marched in Washington, D.C.|Police counted 4,000 people.
St. Paul|Crowds met in St. Paul and Minneapolis.|Nobody was hurt.
Ft.|The base at Ft. Hood was closed.|Soldiers left.
Gov.|Gov. Tim Walz spoke on Monday.|President Trump listened.
Sen.|Sen. Amy Klobuchar and Rep. Ilhan Omar agreed.|Others did not.
Lt. Gov.|Lt. Gov. Peggy Flanagan was there.|She left early.
Dr.|Dr. Maria Lopez, Ph.D., wrote it.|Prof. Smith did not.
initials|J. K. Rowling and George W. Bush met.|They talked.
Jr.|Martin Luther King Jr. spoke in 1963.|The crowd was large.
Jr. name|The secretary, Robert F. Kennedy Jr. of New York, came.|He spoke.
Inc.|Apple Inc. said so on Friday.|Shares rose.
months|It happened on Jan. 26, 2026.|On Feb. 3 it ended.
a.m.|It began at 9 a.m. Eastern time.|It ended at noon.
p.m. ends|It began at 9 p.m.|The police came later.
No.|He lives at No. 10 Downing Street.|She does not.
vs.|The case, Roe v. Wade, was decided in 1973.|Brown vs. Board came first.
decimals|Inflation was 3.5 percent.|It was 4.1 in May.
money|It cost $1.2 million.|The budget was £3.4bn.
version|Version 2.0.1 was released.|Users complained.
quotation|"You can end this today," Walz said.|"We will not wait."
double|"Stop it."|He left the room.
double 2|He said: "Stop it."|Then he left.
curly|“We had a call.|It went well,” he said.|“I was surprised.”
curly end|He called it “a disaster.”|Others agreed.
single|‘You can end this today,’ Walz said.|His office agreed.
question|"Why now?" she asked.|Nobody answered.
question 2|Who will pay?|The state will.
exclaim|"Enough!" the mayor shouted.|The crowd cheered.
Yahoo!|The company Yahoo! reported a loss.|Shares fell.
ellipsis|I don't know ... maybe tomorrow.|We will see.
ellipsis 2|“We wanted to help … but could not.”|He sighed.
ellipsis end|He waited...|Nobody came.
bracket ellipsis|“It was [...] a mistake,” she said.|Her party agreed.
brackets|It rained (the first time since May).|Farmers were glad.
brackets in|It rained.|(The forecast had said so.)|Farmers were glad.
tweet|Great call with the President.|Thanks!|More soon: https://t.co/Prlt2mu8Bx pic.twitter.com/XFJyv6V1yH
tweet name|— Governor Tim Walz (@GovTimWalz) January 26, 2026
hashtag|We stand with you.|#MinnesotaStrong @GovTimWalz thanks everyone.
url|The report is at www.example.org/a.b.html today.|It has 40 pages.
e-mail|Write to desk@news.example.org by May.|Letters are welcome.
e.g.|Some goods, e.g. steel, rose.|Others, i.e. corn, fell.
Mr.|Mr. and Mrs. Jones sued.|Ms. Lee won.
approx.|It weighs approx. 5 kg.|It is red.
semicolon|One came; two left.|Three stayed.
No dot|The storm reached category 5
year|It ended in 1989.|1990 was better.
list|He came 1st.|She came 2nd.
percent|Turnout was 61.3%.|In 2020 it was 66.
etc.|They sold shoes, hats, etc. in May.|The shop closed.
acronym|NATO and the E.U. Commission agreed.|Turkey did not.
op|Operation No. 7 began.|It cost 4 lives.
"""


def parse_case(line: str) -> tuple[str, str, list[int]]:
    """The name, the text and the right inner cuts of a line.

    >>> parse_case("Dr.|Dr. Lopez left.|She sang.")
    ('Dr.', 'Dr. Lopez left. She sang.', [16])
    """
    name, *sentences = line.split("|")
    cuts, position = [], 0
    for sentence in sentences[:-1]:
        position += len(sentence) + 1
        cuts.append(position)
    return name, " ".join(sentences), cuts


def starts(spans: list[tuple[int, int]], text: str) -> list[int]:
    """Where sentences after the first begin, whitespace skipped."""
    found = [
        start + len(text[start:end]) - len(text[start:end].lstrip()) for start, end in spans if text[start:end].strip()
    ]
    return found[1:]


def main() -> None:
    import nupunkt
    import sentencex

    from index.passages import sentences

    def by_sentencex(text: str) -> list[tuple[int, int]]:
        return [(b["start_index"], b["end_index"]) for b in sentencex.get_sentence_boundaries("en", text)]

    def by_nupunkt(text: str) -> list[tuple[int, int]]:
        return [(s, e) for s, e in nupunkt.sent_spans(text)]

    segmenters: dict[str, Callable[[str], list[tuple[int, int]]]] = {
        "nupunkt": by_nupunkt,
        "sentencex": by_sentencex,
        "newsdesk": sentences,
    }
    cases = [parse_case(line) for line in CASES.strip().splitlines()]
    right = dict.fromkeys(segmenters, 0)
    print(f"{'case':18}" + "".join(f"{name:>12}" for name in segmenters))
    for name, text, cuts in cases:
        cells = []
        for segmenter, segment in segmenters.items():
            found = starts(segment(text), text)
            right[segmenter] += found == cuts
            missed, added = len(set(cuts) - set(found)), len(set(found) - set(cuts))
            cells.append("right" if not missed + added else f"-{missed} +{added}")
        print(f"{name:18}" + "".join(f"{cell:>12}" for cell in cells))
    print(f"{'right of ' + str(len(cases)):18}" + "".join(f"{count:>12}" for count in right.values()))
    long_text = " ".join(text for _, text, _ in cases) * 20
    milliseconds = []
    for segment in segmenters.values():
        segment(long_text[:1000])
        began = time.perf_counter()
        segment(long_text)
        milliseconds.append((time.perf_counter() - began) * 1000)
    print(f"{f'ms, {len(long_text):,} chars':18}" + "".join(f"{value:>12.0f}" for value in milliseconds))
    print("-: ends missed, +: ends where none is")


if __name__ == "__main__":
    main()
