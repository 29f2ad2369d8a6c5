#!/usr/bin/env bash
# Puts the comment on the preview of STACK (see body.sh) on pull request PULL_REQUEST of REPOSITORY: one a stack, kept up to date.
set -euo pipefail

marker="<!-- everpull preview $STACK -->"
body=$("$(dirname "$0")/body.sh")

comments=repos/$REPOSITORY/issues/$PULL_REQUEST/comments
ours=$(gh api --paginate "$comments" \
    --jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id" | sed -n 1p)
if [[ -n $ours ]]; then
    gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/$ours" --field body=@- <<<"$body"
else
    gh api --silent --method POST "$comments" --field body=@- <<<"$body"
fi
