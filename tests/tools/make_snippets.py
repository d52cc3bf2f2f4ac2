#!/usr/bin/env python3
"""Writes models/data/snippets/snippets.tsv.gz from the source distribution of the Python package vaderSentiment 3.3.2.

    pip download vaderSentiment==3.3.2 --no-deps --no-binary :all:
    python3 tests/tools/make_snippets.py vaderSentiment-3.3.2.tar.gz models/data/snippets/snippets.tsv.gz

What is changed is said in models/data/snippets/SOURCE.md. The same input gives the same rows on every machine; their
compressed form depends on the version of zlib.
"""
import gzip
import hashlib
import html
import io
import sys
import tarfile

SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
FILE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def source_text(path):
    with open(path, "rb") as file:
        packed = file.read()
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256:
        sys.exit(f"{path} has the SHA-256 {found}; vaderSentiment-3.3.2.tar.gz has {SHA256}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as outer:
        inner = outer.extractfile(INNER).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        return archive.extractfile(FILE).read().decode("utf-8")


def rows_of(text):
    """(number, mean rating, snippet) of every snippet that is kept."""
    seen, neutral, repeated = set(), 0, 0
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        number, rating, snippet = line.split("\t")
        snippet = " ".join(html.unescape(snippet).split())
        rating = f"{float(rating):.2f}"
        if float(rating) == 0:
            neutral += 1
        elif snippet in seen:
            repeated += 1
        else:
            seen.add(snippet)
            yield number, rating, snippet
    print(f"{len(seen)} snippets kept, {neutral} neutral and {repeated} repeated ones left out")


def main(source, target):
    rows = ["id\trating\tsnippet"] + ["\t".join(row) for row in rows_of(source_text(source))]
    content = ("\n".join(rows) + "\n").encode("utf-8")
    with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(content)
    print(f"SHA-256 of the rows: {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
