#!/usr/bin/env python3
"""Builds a labelled line set out of CredData's public labels and git copies of the repositories they point into.

CredData (github.com/Samsung/CredData) labels lines of public repositories at fixed commits: T a credential, F none,
X a sample or a placeholder. Here X counts as none. Only files with labels are taken, with their real paths.

    collect.py CREDDATA MIRRORS OUT

CREDDATA is a folder with its `meta/` and `snapshot.json`; MIRRORS holds git directories (at any depth two) named
`owner+name`; OUT gets `tree/<repository>/<path>`, `labels.tsv` (repository, path, first line, last line, label,
category, half) and `share.txt`, which says how much of the labels could be had. The halves are split by repository:
the last bit of the SHA-256 of its name. Nothing in OUT may be committed.
"""

import csv
import hashlib
import json
import pathlib
import subprocess
import sys
import zlib


def git(directory, *arguments):
    done = subprocess.run(["git", "-C", directory, *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def directory_of(mirrors, name):
    """The git directory of `owner/name`, or none."""
    base = mirrors / name.removesuffix(".git").replace("/", "+")
    places = [base / "repo" / ".git", base / "repo", base / ".git", base]
    return next((place for place in places if (place / "HEAD").exists()), None)


def half(name):
    """`tune` or `held`, by repository."""
    return "held" if hashlib.sha256(name.encode()).digest()[-1] & 1 else "tune"


def main():
    creddata, mirrors, out = (pathlib.Path(argument) for argument in sys.argv[1:4])
    snapshot = json.loads((creddata / "snapshot.json").read_text())
    rows, had, all_rows, all_true, missing = [], 0, 0, 0, []
    for identity, url in sorted(snapshot.items(), key=lambda item: item[1]):
        name = url.removeprefix("https://github.com/")
        meta = creddata / "meta" / f"{zlib.crc32(bytes.fromhex(identity)):08x}.csv"
        lines = list(csv.DictReader(meta.open())) if meta.exists() else []
        all_rows += len(lines)
        all_true += sum(line["GroundTruth"] == "T" for line in lines)
        directory = directory_of(mirrors, name)
        listing = directory and git(directory, "ls-tree", "-r", "--name-only", "-z", identity[:40])
        if not listing:
            missing.append(name)
            continue
        had += 1
        paths = {hashlib.sha256(path).hexdigest()[:8]: path.decode(errors="surrogateescape")
                 for path in listing.split(b"\0") if path}
        wanted = {line["FileID"] for line in lines}
        kept = set()
        for file in sorted(wanted & paths.keys()):
            body = git(directory, "show", f"{identity[:40]}:{paths[file]}")
            if body is None:
                continue
            target = out / "tree" / name.replace("/", "+") / paths[file]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
            kept.add(file)
        for line in lines:
            if line["FileID"] in kept:
                rows.append((name.replace("/", "+"), paths[line["FileID"]], line["LineStart"], line["LineEnd"],
                             line["GroundTruth"], line["Category"], half(name)))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "labels.tsv").open("w") as file:
        for row in rows:
            file.write("\t".join(row) + "\n")
    true = sum(row[4] == "T" for row in rows)
    (out / "share.txt").write_text(
        f"{had} of {len(snapshot)} repositories, {len(rows)} of {all_rows} labels, "
        f"{true} of {all_true} of the true ones\n")
    print((out / "share.txt").read_text(), end="")


if __name__ == "__main__":
    main()
