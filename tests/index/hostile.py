"""A seeded corpus of files that are damaged, or made to do harm.

python -m tests.index.hostile FOLDER [COUNT]
"""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.index import documents

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ("the", "harbour", "of", "Lindesnes", "was", "closed", "on", "Monday", "after", "a", "ferry", "ran", "aground")


def make(folder: Path, count: int, *, seed: int = 7) -> list[Path]:
    """Write so many hostile files, the same ones for the same seed; each kind comes in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = list(KINDS.items())
    paths = []
    for number in range(count):
        name, write = kinds[number % len(kinds)]
        rng = random.Random(f"{seed}-{number}")
        stem, suffix = name.split(".", 1)
        path = folder / f"{number:04}-{stem}.{suffix}"
        write(path, rng)
        paths.append(path)
    return paths


def story(rng: random.Random, sentences: int = 12) -> tuple[str, list[str]]:
    def sentence() -> str:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(6, 20))).capitalize() + "."

    return sentence()[:60], [" ".join(sentence() for _ in range(3)) for _ in range(sentences // 3)]


def damaged(name: str) -> Callable[[Path, random.Random], None]:
    """A real document with some of its bytes changed, cut out, doubled, or cut off."""

    def write(path: Path, rng: random.Random) -> None:
        data = bytearray(documents.MAKERS[name](*story(rng)))
        for _ in range(rng.choice((1, 3, 10, 60))):
            at = rng.randrange(max(1, len(data)))
            change = rng.randrange(5)
            if change == 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            elif change == 1:
                del data[at : at + rng.randrange(1, 200)]
            elif change == 2:
                data[at:at] = data[at : at + rng.randrange(1, 500)]
            elif change == 3:
                data[at:at] = rng.choice((b"\x00" * 40, b"\xff\xfe", b"<" * 300, b"&a;" * 99, b"9" * 400, b"(" * 900))
            elif rng.random() < 0.3:
                del data[at:]
        path.write_bytes(bytes(data))

    return write


def written(make_data: Callable[[random.Random], bytes]) -> Callable[[Path, random.Random], None]:
    return lambda path, rng: path.write_bytes(make_data(rng)) and None


def packed(piece: bytes, times: int) -> bytes:
    """A piece of bytes so many times, packed as it comes, so that all of it is never there."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as out:
        for _ in range(times):
            out.write(piece)
    return file.getvalue()


def nested_html(rng: random.Random) -> bytes:
    depth = rng.choice((200, 5_000, 100_000))
    tag = rng.choice(("div", "b", "table><tr><td", "ul><li", "font"))
    return f"<html><body>{f'<{tag}>' * depth}The harbour was closed.".encode()


def entity_bomb(rng: random.Random) -> bytes:
    entities = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))]
    return (
        f'<?xml version="1.0"?><!DOCTYPE rss [{"".join(entities)}]><rss version="2.0"><channel><item><title>x</title>'
        f"<description>&a11;</description></item></channel></rss>"
    ).encode()


def external_entity(rng: random.Random) -> bytes:
    return (
        b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel>'
        b"<item><title>x</title><description>The file says: &x; and that was all of it.</description></item>"
        b"</channel></rss>"
    )


def docx_bomb(rng: random.Random) -> bytes:
    genuine = documents.docx(*story(rng))
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(genuine)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                data = data.replace(b"<w:body>", b"<w:body>" + b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 1_000_000)
            new.writestr(name, data)
    return file.getvalue()


def zip_in_itself(rng: random.Random) -> bytes:
    data = b"The harbour was closed."
    for depth in range(30):
        data = documents.zipped({f"{depth}.zip" if depth else "a.txt": data})
    return data


def overlapping_zip(rng: random.Random) -> bytes:
    """Many entries of the directory that all stand for the same packed bytes."""
    data = documents.zipped({"a.txt": b"a" * 15_000_000})
    directory = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[directory:end]
    count = 2_000
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (len(entry) * count).to_bytes(4, "little")
    return data[:directory] + entry * count + bytes(tail)


def many_members(rng: random.Random) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for number in range(20_000):
            archive.addfile(tarfile.TarInfo(f"{number}/{'x' * 60}.txt"))
    return file.getvalue()


def pdf_loop(rng: random.Random) -> bytes:
    """Pages that are their own parents."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]/Count 99999999>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 9e9 9e9]>>endobj\n"
        b"4 0 obj<</Length 4 0 R>>stream\nBT " + b"(a) Tj " * 50_000 + b"ET\nendstream endobj\n"
        b"trailer<</Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF"
    )


def pdf_many_pages(rng: random.Random) -> bytes:
    kids = b"3 0 R " * 200_000
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 200000/Kids["
        + kids
        + b"]>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def broken_encoding(rng: random.Random) -> bytes:
    text = " ".join(story(rng, 60)[1]).encode("utf-8")
    return b"".join(text[at : at + 40] + rng.randbytes(3) for at in range(0, len(text), 40))


def mail_in_mail(rng: random.Random) -> bytes:
    data = b"Subject: x\n\nThe harbour was closed on Monday, the mayor said.\n"
    for depth in range(400):
        mark = f"m{depth}".encode()
        data = (
            b"Subject: x\nContent-Type: multipart/mixed; boundary="
            + mark
            + b"\n\n--"
            + mark
            + b"\nContent-Type: message/rfc822\n\n"
            + data
            + b"\n--"
            + mark
            + b"--\n"
        )
    return data


def link_loop(path: Path, rng: random.Random) -> None:
    if sys.platform == "win32":
        path.write_bytes(b"")
        return
    path.symlink_to(rng.choice((path.name, ".", "/", "/dev/zero", "/etc/passwd")))


def pipe(path: Path, rng: random.Random) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        path.write_bytes(b"")


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    **{f"damaged-{name}": damaged(name) for name in documents.MAKERS},
    "noise.html": written(lambda rng: rng.randbytes(rng.randrange(1, 200_000))),
    "noise.pdf": written(lambda rng: b"%PDF-1.7\n" + rng.randbytes(rng.randrange(1, 200_000))),
    "noise.docx": written(lambda rng: b"PK\x03\x04" + rng.randbytes(rng.randrange(1, 200_000))),
    "noise.warc": written(lambda rng: b"WARC/1.0\r\n" + rng.randbytes(rng.randrange(1, 200_000))),
    "noise.eml": written(lambda rng: b"Subject: x\n" + rng.randbytes(rng.randrange(1, 200_000))),
    "nested.html": written(nested_html),
    "nested.json": written(lambda rng: b'[{"text": ' * rng.choice((200, 100_000))),
    "nested.jsonl": written(lambda rng: b'{"text": [' * rng.choice((200, 100_000)) + b"\n"),
    "one-letter.txt.gz": written(lambda rng: packed(rng.choice((b"a", b"\xc3\xa4", b".", b" ")) * 50_000, 2_000)),
    "one-letter.jsonl.gz": written(lambda rng: packed(b"a" * 100_000, 1_000)),
    "one-letter.html.gz": written(lambda rng: packed(b"<" * 100_000, 1_000)),
    "long-word.txt": written(lambda rng: rng.choice((b"a", b"A", b"1", b".", b"-", b'"', b"A.")) * 9_000_000),
    "long-sentence.txt": written(lambda rng: b"the mayor said and " * 400_000),
    "short-sentences.txt": written(lambda rng: rng.choice((b"A. ", b"No! ", b"Mr. ", b"e.g. ")) * 600_000),
    "line-breaks.txt": written(lambda rng: rng.choice((b"\n", b"\r\n", b"a\n", b"Ab.\n\n")) * 300_000),
    "headlines.txt": written(lambda rng: b"Ferry Runs Aground Off Lindesnes\n\n" * 60_000),
    "line-breaks.csv": written(lambda rng: b'text\n"' + b"\n" * 300_000),
    "columns.csv": written(lambda rng: b"a," * 300_000 + b"\n" + b"b," * 300_000),
    "nuls.txt": written(lambda rng: b"The harbour was closed." + b"\x00" * rng.randrange(1, 100_000)),
    "encoding.txt": written(broken_encoding),
    "surrogates.jsonl": written(lambda rng: b'{"text": "The harbour \\ud800 was closed."}\n' * 500),
    "entities.rss": written(entity_bomb),
    "external.rss": written(external_entity),
    "bomb.zip": written(lambda rng: documents.zipped({f"{n}.txt": bytes([97 + n]) * 15_000_000 for n in range(8)})),
    "overlapping.zip": written(overlapping_zip),
    "itself.zip": written(zip_in_itself),
    "members.tar.gz": written(many_members),
    "bomb.docx": written(docx_bomb),
    "loop.pdf": written(pdf_loop),
    "pages.pdf": written(pdf_many_pages),
    "mails.eml": written(mail_in_mail),
    "link.txt": link_loop,
    "pipe.html": pipe,
}


if __name__ == "__main__":
    print(len(make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)), "files")
