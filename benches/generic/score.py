#!/usr/bin/env python3
"""Scores reports of secret scanners against the labels of `collect.py`, line by line.

    score.py OUT [held|tune] NAME=REPORT ...

NAME says who wrote the report: tollgate (JSON), gitleaks, kingfisher, detect-secrets or credsweeper, with anything
behind a dash (`credsweeper-ml`). Every scanner runs with OUT/tree (or OUT/lines) as its working directory.

A labelled line counts once: as a credential if any of its labels is T, else as none (F and X alike). A scanner says
yes to a line if a finding of it starts there. Lines without a label count for nobody, nor do labels of more than four
lines (keys in armour). Two sets are scored: `generic` are labels of the kinds of GENERIC and every line that is none;
`all` are all labels.
"""

import collections
import json
import pathlib
import sys

GENERIC = {"Password", "Secret", "Token", "Key", "Auth", "API", "Salt", "Credential", "SQL Password", "CMD Password",
           "Dropbox App secret", "OTP / 2FA Secret", "CMD ConvertTo-SecureString"}


def labels(out, half):
    lines = {}
    for row in (out / "labels.tsv").read_text().splitlines():
        repository, path, first, last, label, kinds, part = row.split("\t")
        if part != half or int(last) - int(first) > 3:
            continue
        for number in range(int(first), int(last) + 1):
            key = (f"{repository}/{path}", number)
            if label == "T" or lines.get(key, ("F",))[0] != "T":
                lines[key] = (label, set(kinds.split(":")))
    return lines


def clean(path):
    return path.removeprefix("./")


def tollgate(report):
    for finding in report["findings"]:
        yield clean(finding["place"]["path"]), finding["place"]["line"], finding["action"] == "block"


def gitleaks(report):
    return ((clean(one["File"]), one["StartLine"], True) for one in report)


def kingfisher(report):
    for one in report["findings"]:
        yield clean(one["finding"]["path"]), one["finding"]["line"], True


def detect_secrets(report):
    for path, found in report["results"].items():
        for one in found:
            yield clean(path), one["line_number"], True


def credsweeper(report):
    for one in report:
        for line in one["line_data_list"][:1]:
            yield clean(line["path"]), line["line_num"], True


READERS = {"tollgate": tollgate, "gitleaks": gitleaks, "kingfisher": kingfisher, "detect": detect_secrets,
           "credsweeper": credsweeper}


def score(name, found, lines, generic):
    counts = collections.Counter()
    for key, (label, kinds) in lines.items():
        true = label == "T"
        if true and generic and not kinds & GENERIC:
            continue
        counts[(true, key in found)] += 1
    hit, miss, wrong = counts[True, True], counts[True, False], counts[False, True]
    precision, recall = hit / max(hit + wrong, 1), hit / max(hit + miss, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"{name:28} {precision:.3f} {recall:.3f} {f1:.3f}   {hit:5} {wrong:5} {miss:5}"


def main():
    out, half = pathlib.Path(sys.argv[1]), sys.argv[2]
    lines = labels(out, half)
    for generic in (True, False):
        print(f"{half}, {'generic' if generic else 'all'} labels\n"
              f"{'':28} prec. rec.  F1      right wrong missed")
        for argument in sys.argv[3:]:
            name, _, file = argument.partition("=")
            text = pathlib.Path(file).read_text()
            # Kingfisher writes a second document, its summary, behind the findings.
            report, _ = json.JSONDecoder().raw_decode(text)
            found = list(READERS[name.split("-")[0]](report))
            print(score(name, {(path, line) for path, line, _ in found}, lines, generic))
            if name.startswith("tollgate"):
                sure = {(path, line) for path, line, sure in found if sure}
                print(score(f"{name} (blocking)", sure, lines, generic))


if __name__ == "__main__":
    main()
