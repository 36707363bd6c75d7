"""The whole way from a question to an answer, over the real models and the articles of seeds/."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from index.errors import IndexMissing, NewsdeskError
from index.store import PassageStore
from index.types import Article, Filter
from rag import Answer, Bot, Done, Event, Retrieved, Stage, StatementReady, Turn, ask
from rag.answer import Answerer
from rag.bot import kind_of_talk
from rag.errors import ArticleChanged
from rag.retrieve import PassageRetriever
from rag.settings import load_settings

ODD_QUESTIONS = {
    "empty": "",
    "blank": " \n\t ",
    "long": "why " * 2500,
    "emoji": "🚀🌕👨‍🚀?",
    "sql": "'; DROP TABLE articles; --",
    "regex": "(a+)+$ [^]* \\d{1000}",
    "query syntax": 'title:"x" AND (NOT b OR *) +c -d ~2^3 [a TO b]',
    "german": "Wann fiel die Berliner Mauer?",
    "chinese": "谁登上了月球？",
    "arabic": "متى سقط جدار برلين؟",
    "surrogate": "who \ud800 landed?",
    "nul": "who\x00landed?",
    "html": "<script>alert(1)</script>",
}


@pytest.fixture(scope="module")
def bot(seeds_index: Path) -> Iterator[Bot]:
    with Bot.open(seeds_index) as opened:
        yield opened


def holds(answer: Answer, bot: Bot) -> bool:
    """The invariants of every answer: exact quotes, and cited or refused."""
    cited = (*answer.citations, *answer.closest)
    exact = all(bot.store.article(c.article_id).text[c.start : c.end] == c.quote for c in cited)
    return exact and bool(answer.citations) is not answer.refused


def test_an_answer_cites_exact_characters(bot: Bot) -> None:
    answer = bot.ask("Who commanded the Apollo 11 flight?")
    assert holds(answer, bot) and not answer.refused
    assert "Armstrong" in answer.text
    assert answer.citations[0].article_id == "02-apollo-11.txt"
    assert {"understanding", "searching", "reading", "answering"} <= set(answer.timings)


@pytest.mark.parametrize("question", ODD_QUESTIONS.values(), ids=ODD_QUESTIONS.keys())
def test_any_question_gets_through(bot: Bot, question: str) -> None:
    answer = bot.ask(question)
    assert answer.question == question and holds(answer, bot)


def test_a_cut_question_says_so(bot: Bot) -> None:
    assert any("2,000 characters" in note for note in bot.ask("why " * 2500).notes)


@pytest.mark.parametrize("question", ["Who won the Super Bowl?", "How do I bake sourdough bread?"])
def test_what_the_collection_does_not_hold_is_refused(bot: Bot, question: str) -> None:
    answer = bot.ask(question)
    assert answer.refused and answer.closest and holds(answer, bot)


@pytest.mark.parametrize("text", ["Hello!", "thanks", "What can you answer?", "help"])
def test_small_talk_gets_a_reply_and_no_search(bot: Bot, text: str) -> None:
    answer = bot.ask(text)
    assert answer.answerer == "about" and not answer.passages and answer.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ok thanks", "thanks"),
        ("great, thanks", "thanks"),
        ("Vielen Dank!", "thanks"),
        ("danke", "thanks"),
        ("ok", "word"),
        ("Yes.", "word"),
        ("no", "word"),
        ("How are you?", "greeting"),
        ("hi, how are you?", "greeting"),
        ("Guten Morgen", "greeting"),
        ("guten tag", "greeting"),
        ("Moin", "greeting"),
        ("servus!", "greeting"),
        ("tschüss", "goodbye"),
        ("Auf Wiedersehen", "goodbye"),
        ("hello, how many articles are there?", "about"),
        ("How many articles do you have?", "about"),
        ("what topics do you cover", "about"),
        ("Which articles do you have?", "about"),
        ("ok, who won?", None),
        ("No Time to Die", None),
        ("How many articles are there about floods?", None),
        ("newsdesk", None),
        ("Who?", None),
        ("ok " * 700 + "who", None),
    ],
)
def test_small_talk_is_all_of_a_text(text: str, kind: str | None) -> None:
    assert kind_of_talk(text) == kind


def test_what_it_can_answer_names_the_collection(bot: Bot) -> None:
    assert f"{bot.store.status().articles} articles" in bot.ask("What can you answer?").text


def test_a_stream_ends_with_done_once(bot: Bot) -> None:
    *events, last = bot.stream("Who commanded the Apollo 11 flight?")
    assert isinstance(last, Done) and not any(isinstance(e, Done) for e in events)
    assert tuple(e.statement for e in events if isinstance(e, StatementReady)) == last.answer.statements
    assert [e.name for e in events if isinstance(e, Stage)] == ["understanding", "searching", "reading", "answering"]


async def test_asking_asynchronously_gives_the_same(bot: Bot) -> None:
    question = "Who commanded the Apollo 11 flight?"
    assert (await bot.aask(question)).statements == bot.ask(question).statements
    events = [event async for event in bot.astream(question)]
    assert isinstance(events[-1], Done)


def test_a_filter_is_kept_to(bot: Bot) -> None:
    chosen = Filter(article_ids=("09-berlin-wall.txt",))
    answer = bot.ask("Who commanded the Apollo 11 flight?", filter=chosen)
    assert {r.passage.article_id for r in answer.passages} == {"09-berlin-wall.txt"} and answer.filter == chosen


def test_yesterday_is_reckoned_from_today(bot: Bot) -> None:
    answer = bot.ask("What happened yesterday?", today=date(1850, 1, 1))
    assert answer.refused and "31 December 1849" in answer.text


def test_a_follow_up_leans_on_the_turn_before(bot: Bot) -> None:
    first = bot.ask("When was the wreck of the Titanic found?")
    answer = bot.ask("Who led the expedition that found it?", history=[Turn(first.question, first)])
    assert "Titanic" in answer.standalone_question
    assert {c.article_id for c in (*answer.citations, *answer.closest)} & {"13-titanic-wreck.txt"}


def test_small_talk_in_between_breaks_no_follow_up(bot: Bot) -> None:
    first = bot.ask("When was the wreck of the Titanic found?")
    thanks = bot.ask("ok thanks", history=[Turn(first.question, first)])
    assert thanks.answerer == "about" and not thanks.passages
    history = [Turn(answer.question, answer) for answer in (first, thanks)]
    assert "Titanic" in bot.ask("Who led the expedition that found it?", history=history).standalone_question


def test_a_day_that_no_calendar_has_is_told(bot: Bot) -> None:
    answer = bot.ask("What do articles from 31 February 2026 say about the Titanic?")
    assert not answer.filter and "“31 February 2026” cannot be read as a date, so it narrows nothing." in answer.notes


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (Filter(date(1850, 1, 1), date(1850, 1, 1)), "The collection holds no article published on 1 January 1850."),
        (Filter(date(1850, 1, 1), sources=("Nobody",)), "No article matches the filter."),
    ],
)
def test_a_filter_that_nothing_passes_is_told(bot: Bot, chosen: Filter, said: str) -> None:
    assert bot.ask("Who commanded Apollo 11?", filter=chosen).text.startswith(said)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"question": None}, "question must be a str"),
        ({"filter": {"sources": ["a"]}}, "filter must be a Filter"),
        ({"history": [("q", "a")]}, "each turn of history must be a Turn"),
        ({"history": None}, "history must be a Sequence"),
        ({"today": "2026-01-01"}, "today must be a date"),
    ],
)
def test_an_argument_of_the_wrong_kind_says_so(bot: Bot, wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(TypeError, match=name):
        bot.ask(**({"question": "Who?"} | wrong))


@pytest.mark.parametrize("wrong", ["chat_model", "retriever"])
def test_a_model_or_retriever_that_is_none_is_refused_at_once(seeds_index: Path, wrong: str) -> None:
    given: dict[str, Any] = {wrong: "gpt"}
    with pytest.raises(TypeError, match=f"{wrong} must be a .*, not 'gpt'"):
        Bot.open(seeds_index, **given)


def test_a_closed_bot_says_so(seeds_index: Path) -> None:
    with Bot.open(seeds_index) as opened:
        pass
    with pytest.raises(NewsdeskError, match="closed"):
        opened.ask("Who commanded the Apollo 11 flight?")


class DropsAll(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: object = None
    ) -> Sequence[Document]:
        return []


def test_a_reranker_that_drops_everything_empties_no_collection(bot: Bot) -> None:
    dropping = PassageRetriever(store=bot.store, reranker=DropsAll())
    with Bot.open(bot.store.folder, retriever=dropping) as opened:
        for wanted in (None, Filter(article_ids=("09-berlin-wall.txt",))):
            answer = opened.ask("Who commanded the Apollo 11 flight?", filter=wanted)
            assert answer.refused and answer.text.startswith("The search found no passage for this question.")


def test_another_store_is_cited_from_where_it_holds_the_indexs_passages(bot: Bot) -> None:
    foreign = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    foreign.add_documents([passage.to_document() for passage in bot.store.passages_of("02-apollo-11.txt")])
    settings = load_settings(refuse_below=0.0)
    with Bot.open(bot.store.folder, settings=settings, retriever=PassageRetriever(store=foreign)) as opened:
        answer = opened.ask("Who commanded the Apollo 11 flight?")
        assert answer.citations and holds(answer, bot)
        foreign.add_documents([Document("The commander of the Apollo 11 flight was Neil Armstrong.")])
        with pytest.raises(NewsdeskError, match="InMemoryVectorStore found what this index does not hold"):
            opened.ask("Who commanded the Apollo 11 flight?")


def test_examples_come_from_the_collection(bot: Bot) -> None:
    assert len(set(bot.examples(4))) == 4
    assert bot.examples(-1) == []


def test_ask_opens_and_closes(seeds_index: Path) -> None:
    assert not ask("Who commanded the Apollo 11 flight?", index=seeds_index).refused


def test_no_index_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="newsdesk index"):
        ask("Who?", index=tmp_path / "none")


def test_a_collection_of_one_article(tmp_path: Path) -> None:
    article = Article(
        "bridge", "A bridge at Saltstraumen", "Queen Sonja opened the bridge on 3 July 1992. It cost 42 million crowns."
    )
    with PassageStore.open(tmp_path / "one", create=True, read_only=False) as store:
        store.add_articles([article])
    with Bot.open(tmp_path / "one") as bot:
        answer = bot.ask("Who opened the bridge?")
        assert "Queen Sonja" in answer.text and holds(answer, bot)
        assert bot.ask("Who won the Super Bowl?").refused
        assert "from 1 article, about “A bridge at Saltstraumen”, and" in bot.about()


class ChangesFirst:
    """An answerer before which the collection changes: `edits` are made one an answer, after the search."""

    name = "extractive"

    def __init__(self, answerer: Answerer, edits: list[Callable[[], object]]) -> None:
        self.answerer, self.edits = answerer, edits

    def answer(self, question: str, retrieved: Sequence[Retrieved], *, history: Sequence[Turn] = ()) -> Iterator[Event]:
        if self.edits:
            self.edits.pop(0)()
        yield from self.answerer.answer(question, retrieved, history=history)


def test_an_article_that_changes_between_search_and_citing_is_searched_again(tmp_path: Path) -> None:
    def bridge(queen: str) -> Article:
        text = f"After a wet week {queen} opened the bridge on 3 July 1992. It cost 42 million crowns."
        return Article("bridge", "A bridge at Saltstraumen", text)

    def put(queen: str) -> None:
        with PassageStore.open(tmp_path / "one", read_only=False) as store:
            store.add_articles([bridge(queen)])

    def remove() -> None:
        with PassageStore.open(tmp_path / "one", read_only=False) as store:
            store.delete_articles(["bridge"])

    with PassageStore.open(tmp_path / "one", create=True, read_only=False) as store:
        store.add_articles([bridge("Queen Sonja")])
    with Bot.open(tmp_path / "one") as bot:
        plain = bot.answerer
        bot.answerer = ChangesFirst(plain, [lambda: put("Queen Margrethe the Second")])
        answer = bot.ask("Who opened the bridge?")
        assert "Margrethe" in answer.text and holds(answer, bot)
        bot.answerer = ChangesFirst(plain, [remove])
        answer = bot.ask("Who opened the bridge?")
        assert answer.refused and "empty" in answer.text
        put("Queen Sonja")
        bot.answerer = ChangesFirst(plain, [lambda: put("Queen Silvia of Sweden"), lambda: put("King Harald")])
        with pytest.raises(ArticleChanged, match="bridge"):
            bot.ask("Who opened the bridge?")


def test_an_empty_collection_refuses(tmp_path: Path) -> None:
    PassageStore.open(tmp_path / "none", create=True, read_only=False).close()
    with Bot.open(tmp_path / "none") as bot:
        assert bot.ask("Who opened the bridge?").refused
