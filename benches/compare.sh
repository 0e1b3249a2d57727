#!/bin/sh
# Times tollgate beside ripgrep on folders and prints a table.
# Usage: benches/compare.sh FOLDER...
# Needs `rg`, `git`, `awk`, GNU `date` and GNU `time`. TOLLGATE names the program, RUNS how often each one is run (5).
# With STAGED=FOLDER, a repository made by benches/many-files.sh, the commit hook is timed too; with SINCE=FOLDER,
# a repository with a remote branch origin/main, a branch. With KINGFISHER=kingfisher that program is timed too.
set -eu
tollgate=${TOLLGATE:-tollgate}
runs=${RUNS:-5}
absent=an_absent_literal_$$
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home
XDG_STATE_HOME=$home/state
export HOME XDG_STATE_HOME
unset CI GITHUB_ACTIONS GITLAB_CI 2>/dev/null || true

# Milliseconds that the command takes. A gate that stays shut and a search without a match exit with 1: that is no fault.
once() {
    from=$(date +%s%N)
    status=0
    "$@" > "$home/out" 2> "$home/err" || status=$?
    to=$(date +%s%N)
    # 200 and 205 are findings of Kingfisher.
    case $status in 0 | 1 | 200 | 205) ;; *)
        cat "$home/err" >&2
        exit 2
        ;;
    esac
    awk -v from="$from" -v to="$to" 'BEGIN { printf "%.1f\n", (to - from) / 1000000 }'
}

middle() { sort -n "$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

# The median of so many runs of one command.
median() {
    once "$@" > /dev/null
    : > "$home/one"
    i=0
    while [ "$i" -lt "$runs" ]; do
        once "$@" >> "$home/one"
        i=$((i + 1))
    done
    middle "$home/one"
}

# Peak memory in MiB.
peak() {
    env time -f %M -o "$home/peak" "$@" > /dev/null 2>&1 || true
    awk 'END { printf "%.0f\n", $1 / 1024 }' "$home/peak"
}

mkdir "$home/empty"
echo "| what | tollgate | peer | ratio |"
echo "| --- | --- | --- | --- |"
echo "| \`--version\` | $(median "$tollgate" --version) ms | | |"
echo "| \`check\` of an empty folder | $(median "$tollgate" check --no-ledger "$home/empty") ms | | |"
if [ -n "${STAGED:-}" ]; then
    floor=$(median git -C "$STAGED" diff --cached --name-only)
    plain=$(median "$tollgate" check --staged --no-ledger "$STAGED")
    kept=$(median "$tollgate" check --staged "$STAGED" --ledger "file:$home/ledger")
    echo "| \`check --staged --no-ledger\` | $plain ms | git diff --cached $floor ms | $(awk "BEGIN { printf \"%.2f\", $plain / $floor }") |"
    echo "| \`check --staged\` with a ledger | $kept ms | git diff --cached $floor ms | $(awk "BEGIN { printf \"%.2f\", $kept / $floor }") |"
fi
if [ -n "${SINCE:-}" ]; then
    took=$(median sh -c 'cd "$1" && shift && exec "$@"' sh "$SINCE" "$tollgate" check --since origin/main --no-ledger)
    echo "| \`check --since\` | $took ms | | |"
fi
for folder in "$@"; do
    # One after the other in each round, so that both meet the same machine.
    : > "$home/ours"
    : > "$home/theirs"
    : > "$home/peers"
    i=-1
    while [ "$i" -lt "$runs" ]; do
        theirs=$(once rg -uuu --no-mmap -c "$absent" "$folder")
        ours=$(once "$tollgate" check --no-ledger "$folder")
        peers=0
        if [ -n "${KINGFISHER:-}" ]; then
            peers=$(once "$KINGFISHER" scan "$folder" --git-history none --no-validate --no-update-check)
        fi
        # The first round only warms the page cache.
        if [ "$i" -ge 0 ]; then
            echo "$theirs" >> "$home/theirs"
            echo "$ours" >> "$home/ours"
            echo "$peers" >> "$home/peers"
        fi
        i=$((i + 1))
    done
    ours=$(middle "$home/ours")
    theirs=$(middle "$home/theirs")
    peers=$(middle "$home/peers")
    name=$(basename "$folder")
    echo "| \`check\` of $name | $ours ms | rg $theirs ms | $(awk "BEGIN { printf \"%.2f\", $ours / $theirs }") |"
    [ -z "${KINGFISHER:-}" ] || echo "| the same | $ours ms | Kingfisher $peers ms | $(awk "BEGIN { printf \"%.2f\", $ours / $peers }") |"
    echo "| memory of \`check\` of $name | $(peak "$tollgate" check --no-ledger "$folder") MiB | rg $(peak rg -uuu --no-mmap -c "$absent" "$folder") MiB | |"
done
