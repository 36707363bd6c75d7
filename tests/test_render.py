"""ui.render: what is marked, what is escaped, what may be a link."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html import unescape

import pytest
from chat_helpers import COST, DEARER, HARBOUR, LEAD, TEXT, WALL, answer_to
from hypothesis import given
from hypothesis import strategies as st

from index.types import Article
from rag.types import Answer, Statement, Turn
from ui.export import conversation_markdown
from ui.filters import filter_html
from ui.render import (
    Reference,
    answer_html,
    article_html,
    blocks_of,
    one_line,
    question_html,
    safe_url,
    welcome_html,
)
from ui.texts import LANGUAGES, Texts

HOSTILE = [
    "<script>window.hacked=1</script>",
    '<img src="http://evil.example/x.png" onerror="window.hacked=1">',
    "![x](http://evil.example/y.png)",
    "[click](javascript:window.hacked=1)",
    "</div></article><iframe src=//evil.example></iframe>",
    "$$\\href{javascript:alert(1)}{x}$$ {{constructor}} ${window.hacked=1}",
    "\u202egnp.exe\u202e <b>",
    "`` ` \n\n# heading\n\n- list",
]


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_the_mark_is_the_quote_and_the_short_answer_is_stronger() -> None:
    html = article_html(HARBOUR, Reference.from_citation(WALL), [Reference.from_citation(COST)])
    main = "".join(plain(piece) for piece in re.findall(r'<mark class="nd-main[^"]*"[^>]*>(.*?)</mark>', html))
    assert main == WALL.quote
    assert re.findall(r'nd-exact"[^>]*>(.*?)</mark>', html) == ["at 04:20 on Monday"]
    assert [plain(piece) for piece in re.findall(r'<mark class="nd-other">(.*?)</mark>', html)] == [COST.quote]
    assert html.count('id="nd-mark"') == 1


def test_a_changed_article_marks_nothing_and_says_so() -> None:
    cited, other = Reference.from_citation(WALL), Reference.from_citation(COST)
    changed = replace(HARBOUR, text=f"Corrected.\n{TEXT}", sections=())
    html = article_html(changed, cited, [other])
    assert "<mark" not in html and html.count("This article has changed since it was cited.") == 1
    # What another citation says has moved, this one's has not.
    later = replace(HARBOUR, text=TEXT.replace("Nobody", "No one at all"))
    html = article_html(later, cited, [other])
    assert "nd-main" in html and "nd-other" not in html and "has changed" not in html
    old_link = replace(cited, quote="")
    assert "<mark" in article_html(changed, old_link) and "has changed" not in article_html(changed, old_link)


def test_offsets_are_code_points_also_after_an_emoji() -> None:
    start = TEXT.index("Work starts")
    html = article_html(HARBOUR, Reference(HARBOUR.id, start, start + 11))
    assert re.findall(r'<mark class="nd-main"[^>]*>(.*?)</mark>', html) == ["Work starts"]


@given(st.text(max_size=80), st.integers(0, 90), st.integers(0, 90))
def test_nothing_but_blanks_and_controls_of_an_article_is_lost(text: str, start: int, end: int) -> None:
    article = Article("a", "A", text)
    html = article_html(article, Reference("a", start, end))
    body = html.split("</header>")[1]
    letters = re.sub(r"[\s\x00-\x1f\x7f\x85]", "", text)
    assert re.sub(r"[\s\x00-\x1f\x7f\x85]", "", plain(body)) == letters


def test_blocks_tell_deck_heading_and_paragraph_apart() -> None:
    kinds = {TEXT[start:end]: kind for start, end, kind in blocks_of(HARBOUR)}
    assert kinds["A storm took forty metres of stone"] == "deck"
    assert kinds["What comes next"] == "heading"
    assert kinds[LEAD] == "paragraph"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    answer = Answer(text, statements=(Statement(text, (WALL,)),), short_answer=text, citations=(WALL,), notes=(text,))
    html = (
        answer_html(answer, 0)
        + question_html(text, 0)
        + welcome_html([text], 3)
        + article_html(Article("a", text, text, source=text))
    )
    allowed = "a article br details div em h2 h3 header li mark ol p s span strong summary ul".split()
    assert set(re.findall(r"</?([a-z0-9]+)", html)) <= set(allowed)
    assert not re.search(r"<[^>]+\son\w+=", html)
    assert "\n\n" not in answer_html(answer, 0) and "\n" not in question_html(text, 0)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://", "https://user@host/x", "http://a b/",
     'http://a/"x', "ftp://a/b", "http://[", "", None],
)  # fmt: skip
def test_only_plain_web_addresses_become_links(url: str | None) -> None:
    assert safe_url(url) is None
    assert "<a " not in article_html(Article("a", "A", "Text.", url=url))


def test_the_only_link_out_of_an_article_is_its_own_address() -> None:
    html = article_html(HARBOUR)
    assert re.findall(r"<a [^>]*>", html) == [
        '<a href="https://example.org/harbour?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">'
    ]


@given(st.text(min_size=1, max_size=60), st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_reference_survives_the_way_through_the_browser(article_id: str, start: int, end: int) -> None:
    name = article_id.encode("utf-8", "replace").decode()
    for more in ((start, end, "0a1b2c3d"), (None, None, "0a1b2c3d"), (start, end), ()):
        reference = Reference(name, start, end, *more)  # type: ignore[arg-type]
        assert Reference.from_text(reference.text) == reference
        assert re.fullmatch(r"#[\w~-]+", reference.text, re.ASCII)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#cite~~1-2",
        "#cite~YQ~1-",
        "#cite~%%~1-2",
        "#cite~YQ~1-2~3",
        "#cite~_w~1-2",
        "#cite~YQ~1-2~0A1B2C3D",
        "x" * 9000,
    ],
)
def test_what_is_no_reference_is_none(text: str) -> None:
    assert Reference.from_text(text) is None


def test_a_refusal_looks_different_and_offers_the_closest() -> None:
    html = answer_html(answer_to("Who owns the moon?"), 0)
    assert "nd-refusal" in html and "The nearest passages" in html and COST.quote in html
    about = answer_html(answer_to("hello"), 0)
    assert "nd-about" in about and "nd-refusal" not in about


def test_struck_statements_are_folded_away_and_doubts_are_named() -> None:
    answer = Answer(
        "q", statements=(Statement("Kept.", (WALL,), "partly"), Statement("Gone.", (), "unsupported", struck=True))
    )
    html = answer_html(answer, 0)
    assert "<s>Gone.</s>" in html and "only partly supported" in html


def test_struck_sentences_are_told_once() -> None:
    told = "1 sentence was struck: the passages do not support it."
    kept, gone = Statement("Kept.", (WALL,), "supported"), Statement("Gone.", (), "unsupported", struck=True)
    listed = answer_html(Answer("q", statements=(kept, gone), notes=(told, "Another note.")), 0)
    assert "1 sentence was taken out" in listed and told not in listed and "Another note." in listed
    assert told in answer_html(Answer("q", statements=(kept,), notes=(told,)), 0)


def test_a_long_question_is_cut_at_first_and_how_it_was_understood_always() -> None:
    assert "nd-long" not in question_html("When did it break?", 0)
    for question in ("when " * 120, "\n".join("123456789")):
        html = question_html(question, 3)
        assert "nd-long" in html and "#whole-3" in html and one_line(question.split()[-1]) in html
    html = plain(answer_html(replace(answer_to("When?"), standalone_question="when " * 1000), 0))
    said = re.search("Understood as: (.*?) …", html)
    assert said and 150 < len(said[1]) <= 200
    asked = replace(answer_to("When\ndid it?"), standalone_question="When did it?")
    assert "Understood as" not in answer_html(asked, 0)


def test_a_page_without_the_pane_says_how_much_there_is() -> None:
    assert "16 articles" in welcome_html((), 16) and "The collection is empty" in welcome_html((), 0)


def test_any_day_may_be_chosen_that_python_knows() -> None:
    html = filter_html((), date(2026, 1, 26), date(2026, 3, 2))
    assert "min=" not in html and set(re.findall(r'max="(.*?)"', html)) == {"9999-12-31"}


def test_disagreement_shows_both_answers_with_their_dates_and_copies_are_named() -> None:
    html = plain(answer_html(answer_to("What will it cost?"), 0))
    assert "26 January 2026" in html and "2 March 2026" in html and "4.1 million crowns" in html
    assert "Also in Nordic Wire" in plain(answer_html(answer_to("When did it break?"), 0))


def test_a_conversation_exports_with_footnotes() -> None:
    text = conversation_markdown(
        [Turn("When *did* it break?", answer_to("When")), Turn("The moon?", answer_to("moon"))]
    )
    assert "## When \\*did\\* it break?" in text and "[^1]" in text and "[^1]: “The harbour wall" in text
    assert "<https://example.org/harbour?a=1&b=2>" in text and "*The articles don’t answer this.*" in text


def test_an_export_says_what_the_page_says_beside_an_answer() -> None:
    note = "1 sentence was struck: the passages do not support it."
    written = Answer(
        "And then?", standalone_question="What then?", statements=(Statement("It broke.", (WALL,), "supported"),),
        answerer="chat", notes=(note,),
    )  # fmt: skip
    text = conversation_markdown([Turn("And then?", written), Turn("Cut?", Answer("Cut?", notes=("Stopped.",)))])
    order = ["## And then?", "Understood as: What then?", "It broke.", "Written by a language model", note]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "## Cut?\n\nStopped.\n" in text
    assert "Stopped." in conversation_markdown([Turn("Cut?", replace(written, notes=("Stopped.",)))])
    versus = conversation_markdown([Turn("cost", answer_to("cost"))])
    assert f"- 2 March 2026: {DEARER.quote[18:36]}" in versus


def test_every_language_has_every_text_with_the_same_fields() -> None:
    english = LANGUAGES["en"]
    for texts in LANGUAGES.values():
        assert texts.keys() == english.keys()
        for name, text in texts.items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[name])), name
    assert "2. März 2026" in answer_html(answer_to("cost"), 0, texts=Texts("de"))


def test_a_line_never_holds_a_line_break() -> None:
    assert one_line("a\n\n<b>\x00\tc") == "a &lt;b&gt; c"
