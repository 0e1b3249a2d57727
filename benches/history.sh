#!/bin/sh
# Times `tollgate check --history` beside git inflating every object, on bare repositories, and prints a table.
# Usage: benches/history.sh REPOSITORY...      each best a clone in one pack: git clone --bare --no-local URL DIR
# Needs `git`, `awk` and GNU `time`. TOLLGATE names the program, RUNS how often each one is run (5), in turns.
# With KINGFISHER=kingfisher that program is timed too.
# Each cell: seconds on the wall (median), seconds of processor time (median), MiB at most.
set -eu
tollgate=${TOLLGATE:-tollgate}
runs=${RUNS:-5}
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home
export HOME
unset CI GITHUB_ACTIONS GITLAB_CI 2>/dev/null || true

# One run of what a name stands for, in the present folder; a line of wall, processor and memory goes to a file of its own.
once() {
    name=$1
    shift
    status=0
    env time -f "%e %U %S %M" -o "$home/took" "$@" > "$home/out" 2> "$home/err" || status=$?
    # A gate that stays shut, and findings of others, end with a status of their own.
    case $status in 0 | 1 | 200 | 205) ;; *)
        cat "$home/err" >&2
        exit 2
        ;;
    esac
    tail -n 1 "$home/took" | awk '{ print $1, $2 + $3, $4 / 1024 }' >> "$home/$name"
}

middle() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

cell() {
    wall=$(awk '{ print $1 }' "$home/$1" | middle)
    spent=$(awk '{ print $2 }' "$home/$1" | middle)
    most=$(awk '$3 > most { most = $3 } END { printf "%.0f", most }' "$home/$1")
    printf ' %s s, %s s, %s MiB |' "$wall" "$spent" "$most"
}

round() {
    once git git cat-file --batch-all-objects --batch --unordered --buffer
    once tollgate "$tollgate" check --history --no-ledger --report "json=$home/report"
    if [ -n "${KINGFISHER:-}" ]; then
        once kingfisher "$KINGFISHER" scan . --git-history full --turbo --no-validate --no-update-check
    fi
}

echo "load: $(cut -d' ' -f1-3 /proc/loadavg 2>/dev/null || uptime)"
echo '| repository | objects | git cat-file | tollgate | Kingfisher | processor time against git |'
echo '| --- | --- | --- | --- | --- | --- |'
for folder in "$@"; do
    cd "$folder"
    round
    rm -f "$home/git" "$home/tollgate" "$home/kingfisher"
    i=0
    while [ "$i" -lt "$runs" ]; do
        round
        i=$((i + 1))
    done
    printf '| %s | %s |' "$(basename "$folder")" "$(git count-objects -v | awk '/^in-pack/ { print $2 }')"
    cell git
    cell tollgate
    if [ -n "${KINGFISHER:-}" ]; then cell kingfisher; else printf ' - |'; fi
    ours=$(awk '{ print $2 }' "$home/tollgate" | middle)
    theirs=$(awk '{ print $2 }' "$home/git" | middle)
    awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf " %.2f |\n", ours / theirs }'
    cd - > /dev/null
done
