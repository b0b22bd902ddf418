"""Each format: the article of a real document, what the document says of itself, and what is left out."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from index.articles import Patterns, find_files, read_file
from index.formats import base
from index.formats.mail import unwrapped
from index.formats.pdf import Line, paragraphs
from index.prepare import prepare
from index.types import Skipped, Source
from tests.index import documents

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "Ferry Runs Aground Off Lindesnes"
STORY = """\
The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog, and all trains to the town were \
stopped for the day while the coast guard looked for a way to the ship.
Its captain, Ingrid Dahl, said that all 212 passengers were brought ashore by lifeboats before noon. Nobody was hurt, \
she said, but a cargo of “well-known” cheese was lost at 5 p.m. the same day.
The coast guard expects to tow the ship to Kristiansand before the end of the week, if the weather allows.
The company that runs the ferry has been fined twice in the last ten years for going out in such weather."""
PARAGRAPHS = STORY.splitlines()


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def sources(path: Path, **options: Any) -> list[Source]:
    return [item for item in read_file(path, **options) if isinstance(item, Source)]


def reasons(path: Path, **options: Any) -> list[str]:
    return [item.reason for item in read_file(path, **options) if isinstance(item, Skipped)]


def quotes(source: Source) -> list[str]:
    return [
        source.text[sentence.start : sentence.end]
        for article in prepare(source)
        for passage in article.passages
        for sentence in passage.sentences
    ]


PLAIN = [each for source in [Source("a", "\n\n".join([TITLE, *PARAGRAPHS]))] for each in quotes(source)]


def test_the_oracle_has_all_sentences() -> None:
    assert len(PLAIN) == 5


@pytest.mark.parametrize("name", documents.MAKERS)
def test_the_same_sentences_come_out_of_each_format(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, documents.MAKERS[name](TITLE, PARAGRAPHS))
    source = sources(path)[0]
    expected = [documents.latin(each) for each in PLAIN] if name.endswith(".pdf") else PLAIN
    assert [each for each in quotes(source) if each != TITLE] == expected
    (article,) = (each.article for each in prepare(source))
    assert article.title == TITLE
    assert source.author == documents.AUTHOR
    if not name.endswith((".pdf", ".docx")):
        assert article.published_from == "metadata"
        assert "20" in (article.published or "")
    if not name.endswith((".pdf", ".docx", ".eml")):
        assert source.url == documents.URL
    assert not [each for each in documents.NOISE if each in source.text]
    assert list(read_file(path)) == list(read_file(path))


def test_what_a_page_says_of_itself(tmp_path: Path) -> None:
    page = documents.html(TITLE, PARAGRAPHS).decode()
    stripped = page.replace('rel="canonical"', "").replace("article:published_time", "x")
    saved = f"<!-- saved from url=(0045){documents.URL} -->\n{stripped}"
    (source,) = sources(put(tmp_path, "a.html", saved.encode()))
    assert (source.url, source.published, source.published_from) == (documents.URL, "2025-03-20", "address")
    linked = json.dumps({"@graph": [{"@type": "NewsArticle", "datePublished": "2025-03-19"}]})
    with_linked = stripped.replace("<style>", f'<script type="application/ld+json">{linked}</script><style>')
    (source,) = sources(put(tmp_path, "b.html", with_linked.encode()))
    assert (source.url, source.published, source.published_from) == (None, "2025-03-19", "metadata")
    (source,) = sources(put(tmp_path, "c.html", stripped.encode()))
    assert (source.published, source.published_from) == (None, None)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_page_in_its_own_encoding(tmp_path: Path, encoding: str) -> None:
    named = "iso-8859-1" if encoding == "cp1252" else encoding
    page = documents.html(TITLE, PARAGRAPHS).decode().replace('charset="utf-8"', f'charset="{named}"')
    (source,) = sources(put(tmp_path, "a.html", page.encode(encoding)))
    assert PLAIN[2] in quotes(source)


def test_a_date_line_in_the_text_is_said_to_be_from_there() -> None:
    (article,) = prepare(Source("a", "\n\n".join([TITLE, "March 20, 2025", *PARAGRAPHS])))
    assert (article.article.published, article.article.published_from) == ("March 20, 2025", "text")


# Records


def test_fields_by_their_usual_names_and_by_given_ones(tmp_path: Path) -> None:
    record = {"head": {"main": TITLE}, "story": "The harbour was closed.", "extra": "Not this.", "when": "2025"}
    path = put(tmp_path, "a.jsonl", json.dumps(record).encode() + b"\n")
    assert sources(path) == [Source(str(path), "The harbour was closed.", 1)]
    (source,) = sources(path, fields={"title": "head.main", "text": "extra", "published": "when"})
    assert (source.title, source.text, source.published) == (TITLE, "Not this.", "2025")
    assert reasons(path, fields={"text": "missing"}) == [
        'the line is not a record: found no "missing"; expected a string that is not blank'
    ]
    odd = put(tmp_path, "b.jsonl", b'{"words": "The harbour was closed."}\n')
    assert '--field text=NAME (the strings here: "words")' in reasons(odd)[0]


def test_json_in_its_shapes(tmp_path: Path) -> None:
    text = {"text": "The harbour was closed."}
    for shape in ([text], {"articles": [text]}, text, {"status": "ok", "data": [text]}):
        assert [each.text for each in sources(put(tmp_path, "a.json", json.dumps(shape).encode()))] == [text["text"]]
    path = put(tmp_path, "a.json", b'\xef\xbb\xbf[\n{"text": "One."},\n\n{"text": "Two."}, 3]')
    first, second, third = read_file(path)
    assert (first, second) == (Source(str(path), "One.", 2), Source(str(path), "Two.", 4))
    assert isinstance(third, Skipped)
    assert third.line == 4
    cut = put(tmp_path, "a.json", b'[{"text": "One."}, {"te')
    assert [each.text for each in sources(cut)] == ["One."]
    assert "not readable as JSON" in reasons(cut)[0]
    assert reasons(put(tmp_path, "a.json", b"[]")) == ["empty: there is no record in it"]
    assert len(reasons(put(tmp_path, "a.json", b"[" * 200_000))) == 1


def test_a_table_with_line_breaks_in_its_cells(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", b'title\ttext\nOne\t"A cell\nof two lines."\n\nTwo\tShort.\nThree\t\n')
    first, second, third = read_file(path)
    assert first == Source(str(path), "A cell\nof two lines.", 2, title="One")
    assert second == Source(str(path), "Short.", 5, title="Two")
    assert isinstance(third, Skipped)


# Archives


def packed_with_nothing(name: str) -> bytes:
    """An archive in which there is a hidden file, and nothing else."""
    file = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__MACOSX/story.txt", "A story.")
    else:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(".story.txt"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"\n"),
        ("a.csv", b"title,text\n"),
        ("a.csv", b"\n\n"),
        ("a.jsonl", b"\n\n"),
        ("a.json", b"[]"),
        ("a.json", b'{"articles": []}'),
        ("a.rss", b'<rss version="2.0"></rss>'),
        ("a.html", b"<html></html>"),
        ("a.eml", b"Subject: nothing\n\n"),
        ("a.warc", b""),
        ("a.zip", packed_with_nothing("a.zip")),
        ("a.tar", packed_with_nothing("a.tar")),
        ("a.csv.gz", gzip.compress(b"title,text\n")),
    ],
)
def test_a_file_that_holds_nothing_is_left_out_and_says_so(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    (found,) = read_file(path)
    assert isinstance(found, Skipped)
    assert found.reason


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_document_that_is_passed_over_is_not_nothing(tmp_path: Path, name: str) -> None:
    data = b"title,text\nFerry,The harbour was closed.\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert list(read_file(tmp_path / name, resume=1)) == []


def test_members_keep_their_names_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    members = {
        "a/one.txt": b"The harbour was closed.",
        "__MACOSX/a/._one.txt": b"junk",
        ".git/two.txt": b"The harbour was open.",
        "inner.zip": documents.zipped({"../../two.txt": b"The harbour was open."}),
        "news.jsonl": b'{"text": "It rained."}\n{broken\n',
    }
    path = put(tmp_path, "a.zip", documents.zipped(members))
    assert [(each.part, each.text) for each in sources(path)] == [
        ("a/one.txt", "The harbour was closed."),
        ("inner.zip!../../two.txt", "The harbour was open."),
        ("news.jsonl", "It rained."),
    ]
    assert reasons(path)[0].startswith("news.jsonl: the line is not JSON")
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_would_fill_a_disk_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = documents.zipped({f"{number}.txt": b"a" * 9_000_000 for number in range(6)})
    assert len(bomb) < 60_000
    for name, data in (("a.zip", bomb), ("b.zip", documents.zipped({"a.zip": bomb}))):
        path = put(tmp_path, name, data)
        *_, last = read_file(path)
        assert isinstance(last, Skipped)
        assert "unpacks to more than 100 times its size" in last.reason
        assert len(list(read_file(path))) < 10
    packed = put(tmp_path, "a.txt.gz", gzip.compress(b"a" * 60_000_000))
    assert "longer than" in reasons(packed)[0]
    deep = b"The harbour was closed."
    for depth in range(6):
        deep = documents.zipped({f"{depth}.zip" if depth else "a.txt": deep})
    assert "archives within archives" in reasons(put(tmp_path, "deep.zip", deep))[0]
    monkeypatch.setattr(base, "MAX_MEMBERS", 10)
    many = put(tmp_path, "many.tar", documents.tarred({f"{number}.txt": b"One." for number in range(20)}, "w"))
    assert (len(sources(many)), reasons(many)) == (10, ["holds more than 10 files; unpack it and name the folder"])


def test_a_locked_member_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    data = bytearray(documents.zipped({"a.txt": b"Secret words.", "b.txt": b"The harbour was closed."}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path = put(tmp_path, "a.zip", bytes(data))
    assert [each.part for each in sources(path)] == ["b.txt"]
    assert "a.txt: cannot be unpacked" in reasons(path)[0]


def test_attachments_of_a_mail_are_read(tmp_path: Path) -> None:
    import email
    import email.policy

    message = email.message_from_bytes(documents.mail(TITLE, PARAGRAPHS), policy=email.policy.default)
    message.add_attachment(documents.docx(TITLE, PARAGRAPHS), maintype="application", subtype="x", filename="a.docx")
    parts = [(each.part, PLAIN[1] in quotes(each)) for each in sources(put(tmp_path, "a.eml", bytes(message)))]
    assert parts == [(None, True), ("a.docx", True)]


# What is missing or damaged


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("page.html", "trafilatura", "html"),
        ("print.pdf", "pypdfium2", "pdf"),
        ("letter.docx", "docx", "docx"),
        ("feed.rss", "feedparser", "feeds"),
        ("crawl.warc", "fastwarc", "warc"),
    ],
)
def test_a_format_whose_extra_is_missing_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    path = put(tmp_path, name, documents.MAKERS[name](TITLE, PARAGRAPHS))

    def missing(imported: str) -> Any:
        if imported.partition(".")[0] == library:
            raise ImportError(imported)
        return import_module(imported)

    monkeypatch.setattr("index.formats.base.import_module", missing)
    assert [f'pip install "citewell[{extra}]"' in reason for reason in reasons(path)] == [True]


@pytest.mark.parametrize("name", documents.MAKERS)
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_file_that_breaks_off_is_read_or_left_out(tmp_path: Path, name: str, keep: float) -> None:
    data = documents.MAKERS[name](TITLE, PARAGRAPHS)
    path = put(tmp_path, name, data[: int(keep * len(data))])
    assert list(read_file(path))


# Lines to paragraphs


def test_lines_of_a_page_become_paragraphs() -> None:
    lines = [
        Line("A headline", 50, 150, 700, 20),
        Line("The first line of a story that goes on", 50, 250, 670, 11),
        Line("to its end.", 50, 100, 657, 11),
        Line("A new paragraph that is as long as all", 50, 250, 644, 11),
        Line("the others, with a divi-", 50, 249, 631, 11),
        Line("ded word, and it goes on", 300, 500, 670, 11),
        Line("in the next column.", 300, 400, 657, 11),
    ]
    assert paragraphs(lines) == [
        "A headline",
        "The first line of a story that goes on to its end.",
        "A new paragraph that is as long as all the others, with a divi- ded word, and it goes on in the next column.",
    ]
    assert paragraphs([]) == []


def test_lists_and_quotes_in_a_mail_stay_lines() -> None:
    text = "These are the points that were agreed upon in the end by all:\n- one\n- two\n\n> Quoted\n"
    assert unwrapped(text) == text.strip()
    assert unwrapped("Soft \nbreaks \nhere.\nAnd hard ones.", flowed=True) == "Soft breaks here.\nAnd hard ones."


# Which files


def test_patterns(tmp_path: Path) -> None:
    for name in ("a.html", "b.txt", "drafts/c.html", "2024/may/d.html", "2024/.hidden.html"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    def found(*include: str, exclude: tuple[str, ...] = ()) -> list[str]:
        items = find_files(tmp_path, Patterns(include, exclude))
        return [item.relative_to(tmp_path).as_posix() for item in items if not isinstance(item, Skipped)]

    assert found("*.html") == ["2024/may/d.html", "a.html", "drafts/c.html"]
    assert found("*.html", exclude=("drafts",)) == ["2024/may/d.html", "a.html"]
    assert found("2024/*") == ["2024/may/d.html"]
    assert found("may", "b.*") == ["2024/may/d.html", "b.txt"]
    assert list(find_files(tmp_path / "b.txt", Patterns(("*.html",)))) == [tmp_path / "b.txt"]
