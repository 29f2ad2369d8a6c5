#!/usr/bin/env bash
# What a pull request's preview does, here: previews STACK with this shell's credentials and writes the comment to stdout.
set -euo pipefail

FOLDER=$(mktemp -d)
export FOLDER
trap 'rm -rf "$FOLDER"' EXIT

status=0
"$(dirname "$0")/preview.sh" >&2 || status=$?
OUTCOME=success
if ((status)); then
    OUTCOME=failure
fi
OUTCOME=$OUTCOME "$(dirname "$0")/body.sh"
exit "$status"
