#!/usr/bin/env bash
# Shows a report on the commit and its pull request. The gate has decided before: what cannot be shown is said, and
# changes nothing.
set -euo pipefail

if [ ! -f "$REPORT" ]; then
  echo "::warning title=tollgate::there is no report to show"
  exit 0
fi
"$RUNNER_TEMP/tollgate/bin/tollgate" annotate "--from=$REPORT" --forge=github "--name=$INPUT_NAME" ||
  echo "::warning title=tollgate::the report was not shown on the pull request; the log above says why"
