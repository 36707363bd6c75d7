"""The bot: a question in, events or an Answer out. The chat page, the Python function and the evaluation all use it.

It puts the stages together and has no retrieval, reading or answering of its own.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from index.errors import ArticleMissing, NewsdeskError
from index.types import Filter
from rag.answer import Answerer, ExtractiveAnswerer, refusal
from rag.errors import ArticleChanged, ChatModelError
from rag.examples import ExampleQuestions
from rag.fitting import fitted_values
from rag.follow_up import SMALL_TALK, dates_asked, narrow, stand_alone, unread_date
from rag.retrieve import PassageRetriever
from rag.settings import Settings, load_settings
from rag.types import Answer, Done, Event, History, Stage, Turn

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from index.store import PassageStore
    from rag.read import Reader

NOT_FITTED = "Refusals were fitted for other models: set refuse_below, or run `newsdesk evaluate --fit`."
_HERE = r"(?:this|the|your) (?:collection|articles?|index)"
_TALK = {
    "about": r"help|hilfe|who are you|what are you|what (?:can|do) you (?:answer|do|know(?: about)?)"
    r"|what (?:can|should) i ask(?: you)?|how do(?:es)? (?:you|this) work"
    rf"|what (?:is|are) (?:in )?{_HERE}(?: about)?"
    r"|(?:what|which|how many) (?:articles?|documents|stories|subjects?|topics?) "
    rf"(?:do you (?:have|hold|know|cover)|are (?:there|here)(?: in {_HERE})?|are in {_HERE})",
    "goodbye": r"bye|goodbye|good night|see you(?: later)?|tschü(?:ss|ß)|auf wiedersehen|gute nacht",
    "thanks": r"(?:many thanks|thanks?|thank you|thx|cheers|ta)(?: so much| a lot| very much| you)?"
    r"|(?:vielen dank|danke)(?: schön| sehr)?",
    "greeting": r"hi|hello|hey|hallo|hullo|greetings|good (?:morning|afternoon|evening|day)"
    r"|guten (?:morgen|tag|abend)|moin|servus|how are you(?: doing)?(?: today)?|wie geht es (?:dir|ihnen)",
    "word": r"ok(?:ay)?|yes|yeah|no|ja|nein|all right|alright|great|good|fine|nice|cool|super|perfect|gut|i see|got it",
}
"""What is no question, by its kind; a text of several is of the first one here ("hi, what can you answer?")."""
_KINDS = "|".join(f"(?P<{kind}>{said})" for kind, said in _TALK.items())
_SMALL_TALK = re.compile(rf"\W*(?:(?:{_KINDS}|there|newsdesk|bot|and|und|please)\b\W*)+", re.I)


class Bot:
    """Answers from one index. Safe to use from several threads; `with Bot.open(...)` closes what it opened.

    answerer: what answers, by default quotes. `writer` is the LLM's answerer where one is set;
    `stream(..., write=False)` answers with quotes all the same.
    """

    def __init__(
        self,
        store: PassageStore,
        *,
        retriever: PassageRetriever,
        answerer: Answerer,
        writer: Answerer | None = None,
        settings: Settings,
        notes: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.retriever = retriever
        self.answerer = answerer
        self.writer = writer
        self.settings = settings
        self.notes = tuple(notes)
        self._closed = False
        self._examples = ExampleQuestions(store, lambda question: self.ask(question, write=False))

    @classmethod
    def open(
        cls,
        index: str | Path | None = None,
        *,
        settings: Settings | None = None,
        embeddings: Any = None,
        reader: Reader | None = None,
        chat_model: BaseChatModel | None = None,
        retriever: PassageRetriever | None = None,
    ) -> Bot:
        """The bot over the index folder `index` (default: the settings').

        Raises IndexMissing, IndexMismatch, IndexDamaged, and TypeError for a model or retriever that is none.
        """
        from index.store import PassageStore
        from rag.read import load_reader

        _must_be("retriever", retriever, PassageRetriever, optional=True)
        settings = settings or load_settings(index=Path(index) if index is not None else None)
        store = PassageStore.open(
            Path(index) if index is not None else settings.index, embeddings=embeddings, settings=settings
        )
        try:
            reader = reader or load_reader(threads=settings.threads)
            retriever = retriever or PassageRetriever(
                store=store,
                candidates=settings.candidates,
                dense_weight=settings.dense_weight,
                k=max(settings.read_passages, 8),
            )
            embedder = digest_of(store)
            fitted = fitted_values(settings, embedder=embedder, reader=reader.digest)
            known = settings.refuse_below is not None or fitted.fits(embedder=embedder, reader=reader.digest)
            answerer = ExtractiveAnswerer(
                store,
                reader,
                fitted=fitted,
                read_passages=settings.read_passages,
                statements=settings.statements,
            )
            writer = _writer(store, answerer, chat_model, settings)
            return cls(
                store,
                retriever=retriever,
                answerer=answerer,
                writer=writer,
                settings=settings,
                notes=() if known else (NOT_FITTED,),
            )
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        self._examples.stop()
        self._closed = True
        self.store.close()

    def __enter__(self) -> Bot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        question: str,
        *,
        history: History = (),
        filter: Filter | None = None,
        today: date | None = None,
        write: bool = True,
    ) -> Answer:
        """The answer. `history`: the turns before, oldest first; `today`: what "yesterday" is reckoned from."""
        *_, last = self.stream(question, history=history, filter=filter, today=today, write=write)
        assert isinstance(last, Done)
        return last.answer

    async def aask(
        self,
        question: str,
        *,
        history: History = (),
        filter: Filter | None = None,
        today: date | None = None,
        write: bool = True,
    ) -> Answer:
        """As `ask`, without blocking the event loop."""
        return await asyncio.to_thread(self.ask, question, history=history, filter=filter, today=today, write=write)

    async def astream(
        self,
        question: str,
        *,
        history: History = (),
        filter: Filter | None = None,
        today: date | None = None,
        write: bool = True,
    ) -> AsyncIterator[Event]:
        """As `stream`, without blocking the event loop; closing it closes the stream."""
        events = self.stream(question, history=history, filter=filter, today=today, write=write)
        lock = threading.Lock()

        def step() -> Event | None:
            with lock:
                return next(events, None)

        def close() -> None:
            with lock:  # a step that was cancelled goes on in its thread to its next event
                events.close()

        try:
            while (event := await asyncio.to_thread(step)) is not None:
                yield event
        finally:
            await asyncio.shield(asyncio.to_thread(close))

    def stream(
        self,
        question: str,
        *,
        history: History = (),
        filter: Filter | None = None,
        today: date | None = None,
        write: bool = True,
    ) -> Generator[Event]:
        """Stages as they end, statements as they are ready, and Done with the whole answer, last and once.

        While a language model is at work a stage comes again and again, so that closing never waits for the model.

        Raises TypeError for what is no question, history, filter or date, and NewsdeskError after `close`.
        """
        _must_be("question", question, str)
        _must_be("filter", filter, Filter, optional=True)
        _must_be("today", today, date, optional=True)
        _must_be("history", history, Sequence)
        for turn in history:
            _must_be("each turn of history", turn, Turn)
        if self._closed:
            raise NewsdeskError("this bot is closed: open another one with Bot.open")
        talked = [turn for turn in history if turn.answer.answerer != SMALL_TALK]
        answerer = self.writer if write and self.writer else self.answerer
        return self._stream(question, talked, filter, today or date.today(), answerer)

    def _stream(
        self, question: str, history: History, filter: Filter | None, today: date, answerer: Answerer
    ) -> Generator[Event]:
        asked = clean(question)
        timings: dict[str, float] = {}
        notes: list[str] = []
        if len(asked) > self.settings.max_question_characters:
            asked = asked[: self.settings.max_question_characters]
            notes.append(f"Only the question's first {self.settings.max_question_characters:,} characters were used.")
        if reply := self.small_talk(asked):
            yield Done(Answer(question, standalone_question=asked, refused=True, answerer=SMALL_TALK, notes=(reply,)))
            return
        began = time.perf_counter()
        alone = yield from self._stand_alone(asked, history, answerer)
        wanted = narrow(filter, dates_asked(asked, today))
        if unread := unread_date(asked, today):
            notes.append(f"“{unread}” cannot be read as a date, so it narrows nothing.")
        yield _timed(timings, "understanding", began)
        for last_try in (False, True):
            try:
                for event in self._search(alone, history, wanted, answerer, timings):
                    if isinstance(event, Done):
                        all_notes = (*event.answer.notes, *notes, *self.retriever.notes, *self.notes)
                        answer = replace(event.answer, question=question, standalone_question=alone, filter=wanted)
                        event = Done(replace(answer, notes=all_notes, timings=timings))
                    yield event
                return
            except (ArticleChanged, ArticleMissing) as error:  # another process has indexed between search and citing
                if not self.retriever.fuses:
                    raise NewsdeskError(
                        f"{type(self.retriever.store).__name__} found what this index does not hold ({error}): "
                        "a Bot cites only its index's passages, as Passage.to_document writes them"
                    ) from None
                if last_try:
                    raise ArticleChanged(f"the collection changes faster than it can be cited ({error})") from None

    def _search(
        self, question: str, history: History, wanted: Filter, answerer: Answerer, timings: dict[str, float]
    ) -> Generator[Event]:
        """One search and what is made of it; Done lacks what `_stream` knows of the question."""
        began = time.perf_counter()
        retrieved = self.retriever.retrieve(question, filter=wanted or None)
        yield _timed(timings, "searching", began)
        if not retrieved:
            notes = (self._why_nothing(question, wanted),)
            yield Done(refusal(question, [], self.store, answerer=answerer.name, notes=notes))
            return
        for event in answerer.answer(question, retrieved, history=history):
            if isinstance(event, Stage):
                timings[event.name] = event.milliseconds
            yield event

    def _why_nothing(self, question: str, wanted: Filter) -> str:
        if self.store.search_dense(question, 1, wanted or None):  # a reranker dropped it, or another store lacks it
            return "The search found no passage for this question."
        return _filter_words(wanted) if wanted else "The collection is empty."

    @staticmethod
    def _stand_alone(question: str, history: History, answerer: Answerer) -> Generator[Event, None, str]:
        """The question without its history: by the language model where it answers, else by words.

        While the model writes, it is told how long that has taken: a generator inside next() cannot be closed.
        """
        condensing = getattr(answerer, "condensing", None)
        if history and condensing:
            began = time.perf_counter()
            steps = condensing(question, history)
            with suppress(ChatModelError), closing(steps):  # the answer itself will say what is wrong with the model
                while True:
                    try:
                        next(steps)
                    except StopIteration as end:
                        return str(end.value)
                    yield Stage("understanding", 1000 * (time.perf_counter() - began))
        return stand_alone(question, history)

    def small_talk(self, text: str) -> str | None:
        """A short reply about the collection to a greeting, thanks or "what can you answer?"; None for a question."""
        if not re.search(r"\w", text):
            return f"Ask a question about the articles. {self.about()}"
        match kind_of_talk(text):
            case "about":
                return self.about()
            case "goodbye":
                return "Goodbye."
            case "thanks":
                return "You are welcome. Ask on whenever you like."
            case "greeting":
                return f"Hello! {self.about()}"
            case "word":
                return "Ask on whenever you like."
        return None

    def about(self) -> str:
        """One or two sentences on what the collection holds."""
        status = self.store.status()
        if not status.articles:
            return "The collection is empty: add articles with `newsdesk index PATH`."
        count = f"{status.articles:,} article{'s' if status.articles != 1 else ''}"
        when = ""
        if status.published_from and status.published_to:
            first, last = f"{status.published_from:%-d %B %Y}", f"{status.published_to:%-d %B %Y}"
            when = f" of {first}" if first == last else f" from {first} to {last}"
        titles = [article.title for article in self.store.articles(limit=3) if article.title]
        which = "about" if status.articles == 1 else "among them"
        among = f", {which} {'; '.join(f'“{title}”' for title in titles)}" if titles else ""
        return f"I answer from {count}{when}{among}, and quote where each answer stands."

    def examples(self, count: int = 4) -> list[str]:
        """Example questions that the collection itself suggests, each about another article and answered by it.

        The first call after a change of the collection asks some questions itself, which takes seconds.
        """
        return self._examples.find(count)


def _writer(
    store: PassageStore, fallback: Answerer, chat_model: BaseChatModel | None, settings: Settings
) -> Answerer | None:
    if chat_model is None and settings.llm is None:
        return None
    from langchain_core.runnables import Runnable

    from rag.chat_answer import ChatAnswerer, load_chat_model

    if chat_model is None:
        assert settings.llm is not None
        chat_model = load_chat_model(settings.llm, settings=settings)
    if not isinstance(chat_model, Runnable):  # a model with options bound to it is one too
        raise TypeError(
            f"chat_model must be a LangChain chat model, not {chat_model!r:.80}: names go into settings.llm"
        )
    return ChatAnswerer(chat_model, store, fallback, settings=settings)


def _must_be(name: str, value: object, kind: type, *, optional: bool = False) -> None:
    if not isinstance(value, kind) and not (optional and value is None):
        raise TypeError(f"{name} must be a {kind.__name__}, not {value!r:.80}")


def kind_of_talk(text: str) -> str | None:
    """What kind of small talk the text is, all of it; None for a question.

    >>> kind_of_talk("Great, thanks!"), kind_of_talk("Hi, how are you?"), kind_of_talk("Thanks, and who won?")
    ('thanks', 'greeting', None)
    """
    found = _SMALL_TALK.fullmatch(text)
    return next((kind for kind in _TALK if found and found[kind]), None)


def digest_of(store: PassageStore) -> str:
    """The digest of the store's embedder; its class name where it has none."""
    embeddings = store.embeddings
    return str(getattr(embeddings, "digest", type(embeddings).__name__))


def clean(question: str) -> str:
    """The question on one line, without control characters, lone surrogates or runs of blanks."""
    text = question.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()


def _timed(timings: dict[str, float], name: str, began: float) -> Stage:
    timings[name] = 1000 * (time.perf_counter() - began)
    return Stage(name, timings[name])


def _filter_words(wanted: Filter) -> str:
    first, last = wanted.published_from, wanted.published_to
    if not (first or last) or wanted.sources or wanted.article_ids:
        return "No article matches the filter."
    if first == last:
        when = f"on {first:%-d %B %Y}"
    elif first and last:
        when = f"from {first:%-d %B %Y} to {last:%-d %B %Y}"
    else:
        when = f"{'since' if first else 'until'} {(first or last):%-d %B %Y}"
    return f"The collection holds no article published {when}."


def ask(
    question: str,
    *,
    index: str | Path | None = None,
    history: History = (),
    filter: Filter | None = None,
    today: date | None = None,
    **options: Any,
) -> Answer:
    """Opens the index, asks one question, closes it. To ask more than one, keep a `Bot` open."""
    with Bot.open(index, **options) as bot:
        return bot.ask(question, history=history, filter=filter, today=today)
