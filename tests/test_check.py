"""The checker: single rules by hand, the smallest quote, and the measured pairs of checker_pairs.jsonl."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import perturb
from bench.perturb import read_pairs
from index.passages import sentences
from rag.check import check_statement, find_quote, judge
from rag.facts import facts

PAIRS = Path(__file__).with_name("checker_pairs.jsonl")


@pytest.mark.parametrize(
    ("statement", "quote"),
    [
        ("The council spent $3m on it.", "The council spent 3 million dollars on it."),
        ("He called on January 26.", "The call of 26 Jan. came late: he called twice."),
        ("He called on 26 January 2025.", "He called on 2025-01-26."),
        ("About 22,000 people left the town.", "The town, which 22,134 people left, is empty."),
        ("Some 1.5 tonnes were found.", "They found 1,500 kg."),
        ("Two hundred and five boats sank.", "In all 205 boats sank."),
        ("It rose by 5%.", "It rose by five per cent."),
        ("The UN asked for calm.", "The United Nations asked for calm."),
        ("The French minister resigned.", "The minister in France resigned."),
        ("Edouard Philippe resigned.", "Édouard Philippe resigned on Monday."),
        ("She did not resign.", "She refused to resign."),
        ("Brazil was beaten by Germany.", "Germany beat Brazil."),
        ("No fewer than 30 ships came.", "At least 30 ships came."),
        ("The two ships came on Monday.", "Both ships came on Monday."),
        ("It was played in 1348 and 1350.", "It was played in 1348–50."),
        ("It rose from 45 to 60 in May.", "In May it rose from 45 to 60 years."),
        ("The fair lasted for three years.", "The fair lasted from 2002 to 2005."),
        ("Construction is 6 percent of GDP.", "Construction is six percent of the gross domestic product."),
        ("No city has more people than Rome.", "Rome is the city with the most people."),
        ("Nobody had crossed it before Berg.", "Berg was the first who crossed it."),
        ("There was no free trade then.", "Free trade did not exist then."),
        ("Civil servants cannot be elected.", "Civil servants are disqualified from being elected."),
        ("They walked west along the river.", "They followed the river westward and walked."),
        ("It was minus 12 degrees in Oslo.", "Oslo had -12 degrees Celsius."),
        ("It was 12 degrees below zero in Oslo.", "Oslo had −12 °C."),
        ("Polls close at 8 pm.", "The polls close at 8 p.m. on Sunday."),
        ("Polls close at 8 p.m.", "The polls close at 20:00 on Sunday."),
        ("Polls close at 8:00 p.m.", "The polls close at 8pm on Sunday."),
        ("Polls close at 22:40.", "The polls close at 10:40 p.m. on Sunday."),
        ("Polls close at 10:40 p.m.", "The polls close at 22:40 on Sunday."),
        ("Polls close at 10:40pm.", "The polls close at 10.40pm on Sunday."),
        ("Polls close at 10:40 p.m.", "The polls close at 10:40 on Sunday."),
        ("Polls close at 00:30.", "The polls close at 12:30 a.m. on Sunday."),
        ("Kiprop won in 2 hours, 6 minutes and 51 seconds.", "Kiprop won in 2:06:51."),
        ("Kiprop won in 2:06:51.", "Kiprop won in 2 hours, 6 minutes and 51 seconds."),
        ("Kiprop won in two hours and six minutes.", "Kiprop won in 2:06:00."),
        ("Kiprop won in 2:06.", "Kiprop won in 2 hours and 6 minutes."),
        ("Kiprop won in 126 minutes.", "Kiprop won in 2 hours and 6 minutes."),
        ("Kiprop won in just over two hours.", "Kiprop won in 2:06:51."),
        ("Kiprop won in 3 minutes and 26.34 seconds.", "Kiprop won in 3:26.34."),
    ],
)
def test_the_same_in_another_form_is_supported(statement: str, quote: str) -> None:
    assert judge(statement, quote).support in ("supported", "partly")


@pytest.mark.parametrize(
    ("statement", "quote"),
    [
        ("The council spent $3m on it.", "The council spent 3 billion dollars on it."),
        ("The council spent $3m on it.", "The council spent 3 million euros on it."),
        ("He called on January 26.", "He called on January 27."),
        ("He called in May 2024.", "He called in May."),
        ("It ran 10 miles.", "It ran 10 kilometres."),
        ("More than 300 ships came.", "Fewer than 300 ships came."),
        ("Anna Berg resigned.", "Karl Berg resigned."),
        ("She resigned.", "She did not resign."),
        ("Prices rose.", "Prices fell."),
        ("Brazil beat Germany.", "Germany beat Brazil."),
        ("He moved from Rome to Oslo.", "He moved from Oslo to Rome."),
        ("Berg was hired in 2010.", "Olsen was hired in 2010. Berg was hired in 2015."),
        ("Yes.", "The mayor said yes to all of it."),
        ("The mayor resigned.", "Nobody believes that the mayor resigned."),
        ("Norway declared war on Denmark.", "On Monday, Denmark declared war on Norway."),
        ("Three ships sank.", "The two ships sank."),
        ("The commander was not Berg.", "Berg commanded it, and the commander was liked."),
        ("Berg asked that a man land on Mars.", "Berg asked that a man land on the Moon and return safely."),
        ("It was 12 degrees in Oslo.", "Oslo had -12 degrees Celsius."),
        ("Polls close at 8 p.m.", "The polls close at 8 a.m. on Sunday."),
        ("Polls close at 8 a.m.", "The polls close at 20:00 on Sunday."),
        ("Polls close at 22:40.", "The polls close at 10:40 a.m. on Sunday."),
        ("Polls close at 10:40 a.m.", "The polls close at 22:40 on Sunday."),
        ("Polls are closed for 640 people.", "Polls are closed for people at 10:40."),
        ("Kiprop won in 2 hours, 6 minutes and 52 seconds.", "Kiprop won in 2:06:51."),
        ("Kiprop won in 2 hours, 51 minutes and 6 seconds.", "Kiprop won in 2:06:51."),
        ("Kiprop won in 2:51:06.", "Kiprop won in 2:06:51."),
        ("Kiprop won in 6 hours.", "Kiprop won in 2:06:51."),
        ("The pope visited the harbour.", "A storm closed the museum."),
    ],
)
def test_what_differs_is_unsupported(statement: str, quote: str) -> None:
    found = judge(statement, quote)
    assert found.support == "unsupported"
    assert found.reasons


def test_the_words_of_the_quote_are_quoted() -> None:
    assert check_statement("“It rained all day”", "On Monday it rained  all day.") == "quoted"


def test_a_name_of_the_title_is_enough_for_partly() -> None:
    assert judge("Walz asked for help.", "He asked for help.", context="Walz calls").support == "partly"
    assert judge("Walz asked for help.", "He asked for help.").support == "unsupported"


def test_an_entailment_model_only_takes_away() -> None:
    quote = "Walz asked for help on Monday."
    assert judge("Walz asked for some help.", quote, entails=lambda q, s: 0.1).support == "unsupported"
    assert judge("Walz asked for some help.", quote, entails=lambda q, s: 0.9).support == "supported"
    assert judge("Trump asked for help.", quote, entails=lambda q, s: 0.9).support == "unsupported"


TEXT = "Rain fell for days. Anna Berg, the mayor, closed the bridge on 3 May. It opened again in June. Nobody was hurt."


def test_the_quote_is_the_smallest_run_that_holds() -> None:
    run = find_quote("Mayor Anna Berg closed the bridge on 3 May.", TEXT)
    assert TEXT[run.start : run.end] == "Anna Berg, the mayor, closed the bridge on 3 May."
    run = find_quote("Anna Berg closed the bridge and it opened again in June.", TEXT)
    assert TEXT[run.start : run.end] == "Anna Berg, the mayor, closed the bridge on 3 May. It opened again in June."
    assert not find_quote("Anna Berg closed the bridge on 4 May.", TEXT).check.passes


@given(st.text(max_size=200), st.text(min_size=1, max_size=300))
def test_any_text_is_judged_and_the_run_lies_on_sentences(statement: str, text: str) -> None:
    run = find_quote(statement, text)
    assert 0 <= run.start <= run.end <= len(text)
    bounds = sentences(text)
    assert not bounds or (run.start in {a for a, _ in bounds} and run.end in {b for _, b in bounds})
    assert judge(statement, text) == judge(statement, text)


def test_facts_of_amounts() -> None:
    found = facts("It cost £1.2bn, 5 per cent more than in 2019, for 3m people, two-thirds of them under 30.")
    assert [amount.readings[0] for amount in found.amounts][:4] == [
        (1.2e9, "pound"),
        (5.0, "percent"),
        (2019.0, ""),
        (3e6, ""),
    ]


def test_the_measured_pairs_reach_the_goals() -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 400 and sum(row["origin"] == "hand" for row in rows) * 2 >= len(rows)
    pairs = read_pairs()  # without XQuAD's texts at hand, those about seeds/ only
    caught: dict[str, list[bool]] = {}
    for pair in pairs:
        passes = judge(pair.statement, pair.quote).passes
        caught.setdefault("kept" if pair.true else pair.kind, []).append(passes == pair.true)
    share = {kind: sum(hits) / len(hits) for kind, hits in caught.items()}
    assert min(share[kind] for kind in ("number", "name", "date", "unit")) >= 0.9, share
    assert share["kept"] >= 0.95, share


def test_the_halves_share_no_quote_and_xquad_is_not_shipped() -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert all(bool(row["quote"]) is not bool(row.get("xquad")) for row in rows)
    pairs = read_pairs()
    looked_at, held_out = ({pair.quote for pair in pairs if pair.held_out is half} for half in (False, True))
    assert not looked_at & held_out and min(len(looked_at), len(held_out)) * 3 > len(looked_at | held_out)


def test_the_perturber_shares_no_code_with_the_checker() -> None:
    source = Path(perturb.__file__).read_text(encoding="utf-8")
    assert not re.search(r"^\s*(?:from|import) (?:rag|index)\b", source, re.M)
