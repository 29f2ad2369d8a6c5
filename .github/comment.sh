#!/usr/bin/env bash
# Puts what a preview of STACK said (FILE) on pull request PULL_REQUEST of REPOSITORY: one comment a stack, kept up to date.
set -euo pipefail

# Of the 65 536 characters that GitHub allows in a comment.
longest=60000
marker="<!-- everpull preview $STACK -->"
# Longer than any row of backticks in a diff, and taken out of it, so that nothing in the text can end the block.
fence='````````````'

note=
if [[ -s $FILE ]]; then
    text=$(tr -d '\0' <"$FILE")
    text=${text//"$fence"/}
else
    text=
    note="Nothing was previewed; the job's log says why."
fi
if ((${#text} > longest)); then
    text=${text:0:longest}
    note="Cut after $longest characters; the job's log has all of it."
fi
body=$(
    cat <<END
$marker
### Preview of \`$STACK\`: $OUTCOME

<details>
<summary>what would change</summary>

${fence}diff
$text
$fence

</details>

$note
END
)

comments=repos/$REPOSITORY/issues/$PULL_REQUEST/comments
ours=$(gh api --paginate "$comments" \
    --jq ".[] | select(.user.login == \"github-actions[bot]\" and (.body | startswith(\"$marker\"))) | .id" | sed -n 1p)
if [[ -n $ours ]]; then
    gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/$ours" --field body=@- <<<"$body"
else
    gh api --silent --method POST "$comments" --field body=@- <<<"$body"
fi
