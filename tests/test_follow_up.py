from datetime import date

import pytest

from index.types import Filter
from rag.follow_up import SMALL_TALK, dates_asked, names, narrow, stand_alone, unread_date
from rag.types import Answer, Turn

TODAY = date(2026, 1, 28)  # a Wednesday


def turn(question: str, short: str | None = None) -> Turn:
    return Turn(question, Answer(question, standalone_question=question, short_answer=short))


@pytest.mark.parametrize(
    "question", ["When did Armstrong land?", "How many people died in Chernobyl?", "Was Marie Curie Polish?"]
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert stand_alone(question, [turn("Who reopened Notre-Dame?")]) == question


@pytest.mark.parametrize(
    "question", ["When was that?", "How old was he?", "And why?", "What about the cost?", "Where did they live?"]
)
def test_a_question_that_leans_gets_what_it_leans_on(question: str) -> None:
    alone = stand_alone(question, [turn("Who was Alex Pretti?")])
    assert alone.startswith(question) and "Alex Pretti" in alone


def test_the_short_answer_is_part_of_the_topic() -> None:
    assert "Neil Armstrong" in stand_alone("How old was he?", [turn("Who walked on the Moon first?", "Neil Armstrong")])


def test_no_history_changes_nothing() -> None:
    assert stand_alone("And why?", []) == "And why?"


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("what happened yesterday", date(2026, 1, 27), TODAY),
        ("What was in the news today?", TODAY, TODAY),
        ("what happened last week?", date(2026, 1, 19), date(2026, 1, 25)),
        ("what happened this week?", date(2026, 1, 26), TODAY),
        ("Floods in the past 10 days", date(2026, 1, 18), TODAY),
        ("what happened last month", date(2025, 12, 1), date(2025, 12, 31)),
        ("articles from March 2024 on floods", date(2024, 3, 1), date(2024, 3, 31)),
        ("What was reported on 27 December 2004?", date(2004, 12, 27), date(2004, 12, 27)),
        ("Today's headlines", TODAY, TODAY),
        ("news since 2020", date(2020, 1, 1), None),
        ("articles before 2020-05-01", None, date(2020, 4, 30)),
        ("according to articles from 1 March 2026 to 10 March 2026", date(2026, 3, 1), date(2026, 3, 10)),
        ("articles published between 1 March 2026 and 10 March 2026", date(2026, 3, 1), date(2026, 3, 10)),
        ("articles between 1 and 10 March 2026", date(2026, 3, 1), date(2026, 3, 10)),
        ("news from December 2 to January 3, 2026", date(2025, 12, 2), date(2026, 1, 3)),
        ("articles after 1 March 2024 and before May 2024", date(2024, 3, 2), date(2024, 4, 30)),
        ("articles from 2020-2022", date(2020, 1, 1), date(2022, 12, 31)),
        ("articles since 2020 until now", date(2020, 1, 1), TODAY),
        ("Which articles were published in March 2024?", date(2024, 3, 1), date(2024, 3, 31)),
        ("Which article was published on 4 February 2024", date(2024, 2, 4), date(2024, 2, 4)),
        ("How many articles do you have from 2024?", date(2024, 1, 1), date(2024, 12, 31)),
        ("articles from March 4, 2024", date(2024, 3, 4), date(2024, 3, 4)),
        ("articles dated 4 Feb. 2024", date(2024, 2, 4), date(2024, 2, 4)),
        ("news on Sunday, the 4th of February 2024", date(2024, 2, 4), date(2024, 2, 4)),
        ("articles from 2024/03/04", date(2024, 3, 4), date(2024, 3, 4)),
        ("articles from 2024-03", date(2024, 3, 1), date(2024, 3, 31)),
        ("articles since Monday", date(2026, 1, 26), None),
        ("articles before last Wednesday", None, date(2026, 1, 20)),
        ("articles since last week about floods", date(2026, 1, 19), None),
        ("What happened in the last two weeks?", date(2026, 1, 14), TODAY),
        ("Floods in the past 3 months", date(2025, 10, 27), TODAY),
    ],
)
def test_publication_dates(question: str, first: date | None, last: date | None) -> None:
    assert dates_asked(question, TODAY) == Filter(published_from=first, published_to=last)


@pytest.mark.parametrize(
    "question",
    [
        "Who landed in 1969?",
        "What happened on 26 April 1986?",
        "How long was the last flight?",
        "articles from 31 Foo 2020",
        "Which book was written in 1605?",
        "How many cases were reported in 2014?",
        "What is the tower used for today?",
        "What did USA Today write about the flood?",
        "Who wrote Yesterday?",
        "Who led the army in the last year of the war?",
        "Who led the army in the last two weeks of the war?",
        "What happened on 9 November 1989?",
        "Which story was published in 1843?",
        "reports from 10 to 2000 people",
        "articles on Sunday trading",
        "Who won on Monday?",
    ],
)
def test_an_events_own_date_is_no_filter(question: str) -> None:
    assert not dates_asked(question, TODAY)


@pytest.mark.parametrize("how", ["from", "after", "before", "since"])
@pytest.mark.parametrize(
    "when", ["31 February 2020", "01/02/2020", "1 March 2020 to 31 April 2020", "10 March 2020 to 1 March 2020"]
)
def test_what_no_calendar_has_narrows_nothing_and_is_told(how: str, when: str) -> None:
    question = f"articles {how} {when}"
    assert not dates_asked(question, TODAY) and unread_date(question, TODAY) == when


@pytest.mark.parametrize("question", ["articles from 2020", "articles about floods", "articles after 9999"])
def test_what_can_be_read_is_not_told(question: str) -> None:
    assert not unread_date(question, TODAY)


def test_a_thank_you_is_nothing_to_lean_on() -> None:
    asked = turn("Who was shot in Minneapolis?", "Alex Pretti")
    thanks = Turn("Thank you!", Answer("Thank you!", refused=True, answerer=SMALL_TALK))
    assert stand_alone("How old was he?", [asked, thanks]) == stand_alone("How old was he?", [asked])
    assert stand_alone("How old was he?", [thanks]) == "How old was he?"


def test_what_was_refused_is_leaned_on_only_if_it_names_something() -> None:
    asked = turn("Who was shot in Minneapolis?", "Alex Pretti")
    vague = Turn("why though?", Answer("why though?", refused=True))
    named = Turn("Who won the Super Bowl?", Answer("Who won the Super Bowl?", refused=True))
    assert "Alex Pretti" in stand_alone("How old was he?", [asked, vague])
    assert "Super Bowl" in stand_alone("When was that?", [asked, named])
    assert "though" in stand_alone("When was that?", [vague])


@pytest.mark.parametrize("question", ["東京タワーの高さは?", "谁登上了月球？", "ใครเหยียบดวงจันทร์คนแรก"])
def test_a_sentence_without_blanks_is_more_than_a_word(question: str) -> None:
    assert stand_alone(question, [turn("Who was Alex Pretti?")]) == question


def test_filters_are_narrowed() -> None:
    chosen = Filter(published_from=date(2020, 1, 1), sources=("Wire",))
    both = narrow(chosen, Filter(published_from=date(2021, 1, 1), published_to=date(2022, 1, 1)))
    assert both == Filter(date(2021, 1, 1), date(2022, 1, 1), ("Wire",))


def test_names() -> None:
    assert names("When did Tim Walz speak to Élysée officials?") == ["Tim Walz", "Élysée"]
