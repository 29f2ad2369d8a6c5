#!/usr/bin/env bash
# Previews STACK, asks the rules of policy/ about it, and says what it costs. Puts into FOLDER, each only if it comes that far:
# pulumi.txt (the diff), preview.json, costs.md and policy.md. Fails where the preview does, or a rule is broken.
set -euo pipefail

python=.venv/bin/python
rm -f "$FOLDER"/pulumi.txt "$FOLDER"/preview.json "$FOLDER"/costs.md "$FOLDER"/policy.md

arguments=(--stack "$STACK" --non-interactive --color never)
pulumi preview "${arguments[@]}" --diff --suppress-progress 2>&1 | tee "$FOLDER/pulumi.txt"

# The engine tells either people or programs. What it knows as secret it tells neither.
if ! pulumi preview "${arguments[@]}" --json --show-sames >"$FOLDER/preview.json"; then
    # Its errors are in the file.
    "$python" -m policy "$FOLDER/preview.json"
    exit 1
fi

if ! "$python" -m checks.costs --stack "$STACK" >"$FOLDER/costs.md"; then
    rm "$FOLDER/costs.md"
fi
"$python" -m policy "$FOLDER/preview.json" --markdown "$FOLDER/policy.md"
