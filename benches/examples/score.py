#!/usr/bin/env python3
"""Scores a scanner on the examples that public rule files carry.

    score.py RULES WORK TOLLGATE [MISSED]

RULES is a folder of YAML rule files as Kingfisher and Nosey Parker publish them (`rules:` with `examples:` and
`negative_examples:`), fetched to a temporary place and never committed. Every distinct example becomes a file of its
own under WORK, TOLLGATE checks that folder, and an example counts as found if anything is reported in its file.
MISSED gets a line for each rule with missed examples: name, number missed, number of examples, and the shape of the
first one (letters as a, digits as 9), never its text.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

import yaml


def examples(folder):
    """(kind, rule, text), each text once."""
    seen = set()
    for file in sorted(folder.rglob("*.y*ml")):
        document = yaml.safe_load(file.read_text())
        for rule in (document or {}).get("rules") or []:
            for kind, field in (("example", "examples"), ("look-alike", "negative_examples")):
                for text in rule.get(field) or []:
                    if str(text).strip() not in seen:
                        seen.add(str(text).strip())
                        yield kind, f"{file.stem}: {rule['name']}", str(text)


def shape(text):
    words = re.sub(r"[A-Za-z]", "a", re.sub(r"[0-9]", "9", text.strip().splitlines()[0][:120]))
    return re.sub(r"([a9])\1*", lambda run: run[1] if len(run[0]) == 1 else f"{run[1]}{{{len(run[0])}}}", words)


def main():
    rules, work, scanner = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    all_of = {}
    for number, (kind, rule, text) in enumerate(examples(rules)):
        name = f"{number:05}.txt"
        (work / name).write_text(text + "\n")
        all_of[name] = (kind, rule, text)
    report = work.parent / f"{work.name}.json"
    done = subprocess.run([scanner, "check", "--no-ledger", "--quiet", "--report", f"json={report}", str(work)],
                          capture_output=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr.decode())
    found = {pathlib.Path(one["place"]["path"]).name for one in json.loads(report.read_text())["findings"]}
    for kind in ("example", "look-alike"):
        names = [name for name, (this, _, _) in all_of.items() if this == kind]
        hits = sum(name in found for name in names)
        print(f"{kind:10} {hits:5} of {len(names):5} reported: {hits / max(len(names), 1):.3f}")
    if len(sys.argv) > 4:
        missed, total = collections.defaultdict(list), collections.Counter()
        for name, (kind, rule, text) in all_of.items():
            if kind == "example":
                total[rule] += 1
                if name not in found:
                    missed[rule].append(text)
        lines = [f"{rule}: {len(texts)} of {total[rule]}, {shape(texts[0])}" for rule, texts in sorted(missed.items())]
        pathlib.Path(sys.argv[4]).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
