#!/bin/sh
# Makes a repository of 25,000 small files (or as many as the second argument says) with 10 more staged.
# Usage: benches/many-files.sh FOLDER [FILES]
set -eu
folder=${1:?usage: many-files.sh FOLDER [FILES]}
files=${2:-25000}
mkdir "$folder"
cd "$folder"
git init -q .
awk -v files="$files" 'BEGIN {
    for (i = 0; i < files; i++) {
        folder = "src/m" int(i / 100)
        if (i % 100 == 0) { system("mkdir -p " folder) }
        file = folder "/f" i ".py"
        for (line = 0; line < 30; line++) {
            printf "def step_%d_%d(first, second):\n    return first + second * %d\n", i, line, line > file
        }
        close(file)
    }
}'
git add .
git -c user.name=bench -c user.email=bench@example.org commit -q -m "many files"
i=0
while [ "$i" -lt 10 ]; do
    printf 'value_%d = %d\n' "$i" "$i" >> "src/m$i/f$((i * 100)).py"
    git add "src/m$i/f$((i * 100)).py"
    i=$((i + 1))
done
