"""BM25: queries of any text, filters, generations, the tail's scores, and damage to tantivy's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.lexical import LexicalIndex, collect, damage, open_lexical

TEXTS = {
    1: "The mayor of São Paulo closed the bridge.",
    2: "Governors spoke about the bridges of the city, and of bridges elsewhere.",
    3: "The storm hit the harbour; the harbour was closed.",
    4: "Who will vote when the council meets?",
}


@pytest.fixture(params=["folder", "memory"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> LexicalIndex:
    made = LexicalIndex(tmp_path / "words" if request.param == "folder" else None)
    made.add(TEXTS.items())
    made.commit(7)
    return made


@pytest.mark.parametrize(
    "query, expected",
    [
        ("bridge", [2, 1]),
        ("sao paulo", [1]),
        ("When did the storm hit the harbours?", [3]),
        ("title:bridge AND (", [2, 1]),
        ("the of", [2, 1, 3]),
        ("when", [4]),
        ("", []),
        ("🙂 誰", []),
    ],
)
def test_search(index: LexicalIndex, query: str, expected: list[int]) -> None:
    found = [key for key, _ in index.words().search(query, 10)]
    assert (
        (found[:1], sorted(found)) == (expected[:1], sorted(expected))
        if query != "the of"
        else set(expected) <= set(found)
    )


def test_only_allowed_keys(index: LexicalIndex) -> None:
    words = index.words()
    plain = dict(words.search("bridge closed", 10))
    assert dict(words.search("bridge closed", 10, allowed=[1, 4])) == {1: pytest.approx(plain[1])}
    assert words.search("bridge", 10, allowed=[]) == []


def test_a_search_keeps_its_commit(index: LexicalIndex) -> None:
    before = index.words()
    index.remove([2])
    index.add([(9, "A bridge, again.")])
    index.commit(8)
    assert (before.generation, before.count) == (7, 4) and {k for k, _ in before.search("bridge", 9)} == {1, 2}
    after = index.words()
    assert (after.generation, after.count) == (8, 4) and {k for k, _ in after.search("bridge", 9)} == {1, 9}
    index.close()


def test_the_tails_scores_are_tantivys(tmp_path: Path) -> None:
    """On texts of one length, where the mean lengths agree, the scores are the same as after a commit."""
    texts = {n: f"case {n} bridge{'s' if n % 2 else ''} city {'storm' if n % 3 else 'fire'}" for n in range(30)}
    part, whole = LexicalIndex(None), LexicalIndex(None)
    part.add((n, texts[n]) for n in range(20))
    part.commit(1)
    whole.add(texts.items())
    whole.commit(1)
    expected = dict(whole.words().search("fire bridge 24", 30))
    found = dict(part.words().tail_scores("fire bridge 24", {n: texts[n] for n in range(20, 30)}))
    for key, score in found.items():
        assert score == pytest.approx(expected[key], rel=0.12)


@pytest.mark.parametrize("kind", [".idx", ".term", ".store", ".fast", ".fieldnorm", ".del", "meta.json"])
@pytest.mark.parametrize("how", ["flip", "truncate", "delete"])
def test_damage_is_noticed(tmp_path: Path, kind: str, how: str) -> None:
    folder = tmp_path / "words"
    made = LexicalIndex(folder)
    made.add(TEXTS.items())
    made.commit(1)
    made.remove([3])
    made.commit(2)
    made.close()
    assert damage(folder) is None
    # The segment that lost a document keeps its old files; any of the kind will do.
    path = sorted(p for p in folder.iterdir() if p.name.endswith(kind))[0]
    data = bytearray(path.read_bytes())
    if how == "delete":
        path.unlink()
    else:
        data[0] ^= 4
        path.write_bytes(data if how == "flip" else data[:-9])
    assert damage(folder) is not None
    assert open_lexical(folder) is None


def test_what_a_killed_writer_left_is_collected(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    made = LexicalIndex(folder)
    made.add(TEXTS.items())
    made.commit(1)
    made.close()
    segment = next(p.name[:32] for p in folder.glob("*.idx"))
    left = [folder / f"{segment}.{n}.del" for n in range(3, 12)] + [folder / f"{'ab' * 16}.idx"]
    for path in left:
        path.write_bytes(b"left")
    collect(folder)
    assert not any(path.exists() for path in left) and damage(folder) is None
    again = LexicalIndex(folder)
    again.remove([1])
    again.commit(2)
    again.close()
    assert damage(folder) is None and again.words().count == 3


def test_what_was_not_committed_is_dropped(tmp_path: Path) -> None:
    made = LexicalIndex(tmp_path / "words")
    made.add(TEXTS.items())
    made.commit(1)
    made.add([(8, "storm")])
    made.close()
    again = open_lexical(tmp_path / "words")
    assert again is not None and (again.words().generation, again.words().count) == (1, 4)
