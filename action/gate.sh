#!/usr/bin/env bash
# Runs the gate and leaves by its exit code: 1 and 2 both keep it shut, and nothing turns one of them into 0.
set -euo pipefail

tollgate="$RUNNER_TEMP/tollgate/bin/tollgate"
# A folder of this run's own: a report of an earlier run is never taken for this one's.
folder=$(mktemp -d "$RUNNER_TEMP/tollgate-reports.XXXXXX")

# Values stand behind `=` and the path behind `--`, so none of them can be taken for an option.
arguments=("--stage=$INPUT_STAGE" --report=github "--report=json=$folder/outcome.json"
  "--report=dotenv=$folder/outcome.env" "--report=markdown=$folder/summary.md" "--report=github-sarif=$INPUT_SARIF")
[ -z "$INPUT_SINCE" ] || arguments+=("--since=$INPUT_SINCE")
[ -z "$INPUT_TRUST" ] || arguments+=("--trust=$INPUT_TRUST")
ledger=()
[ -z "$INPUT_LEDGER" ] || ledger=("--ledger=$INPUT_LEDGER")

# What cannot be recorded is kept there, for `tollgate ledger import`.
export TOLLGATE_SPOOL="${TOLLGATE_SPOOL:-$folder/spool}"

code=0
"$tollgate" check "${arguments[@]}" ${ledger[@]+"${ledger[@]}"} -- "$INPUT_PATH" || code=$?

# Without a ledger there is no rate, and that is no fault of this run.
"$tollgate" rate ${ledger[@]+"${ledger[@]}"} --format=dotenv >"$folder/rate.env" 2>/dev/null || : >"$folder/rate.env"

{
  # Words and numbers of ours, and no text of the repository: TOLLGATE_ESCAPE_RATE=0.5 becomes escape-rate=0.5.
  for file in outcome.env rate.env; do
    [ ! -f "$folder/$file" ] || sed 's/^TOLLGATE_//' "$folder/$file" | tr '[:upper:]_' '[:lower:]-'
  done
  if [ -f "$folder/outcome.json" ]; then
    echo "report=$folder/outcome.json"
    echo "sarif=$INPUT_SARIF"
  fi
  [ ! -d "$TOLLGATE_SPOOL" ] || echo "spool=$TOLLGATE_SPOOL"
} >"$folder/outputs"
cat "$folder/outputs" >>"$GITHUB_OUTPUT"
if [ -f "$folder/summary.md" ]; then cat "$folder/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi
exit "$code"
