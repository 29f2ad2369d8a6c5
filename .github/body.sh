#!/usr/bin/env bash
# Writes the comment on the preview of STACK, from what preview.sh has put into FOLDER.
set -euo pipefail

# Of the 65 536 characters that GitHub allows in a comment.
longest=50000
longest_policies=10000
# Longer than any row of backticks in a diff, and taken out of it, so that nothing in the text can end the block.
fence='````````````'

note=
if [[ -s $FOLDER/pulumi.txt ]]; then
    text=$(tr -d '\0' <"$FOLDER/pulumi.txt")
    text=${text//"$fence"/}
else
    text=
    note="Nothing was previewed; the job's log says why."
fi
if ((${#text} > longest)); then
    text=${text:0:longest}
    note="Cut after $longest characters; the job's log has all of it."
fi

policies="Not looked at; the job's log says why."
if [[ -s $FOLDER/policy.md ]]; then
    policies=$(<"$FOLDER/policy.md")
fi
if ((${#policies} > longest_policies)); then
    # At a line's end, so that the table stays one.
    policies=${policies:0:longest_policies}
    policies="${policies%$'\n'*}"$'\n\n'"Cut after $longest_policies characters; the job's log has all of it."
fi
costs="Not estimated; the job's log says why."
if [[ -s $FOLDER/costs.md ]]; then
    costs=$(<"$FOLDER/costs.md")
fi

cat <<END
<!-- everpull preview $STACK -->
### Preview of \`$STACK\`: $OUTCOME

<details>
<summary>what would change</summary>

${fence}diff
$text
$fence

</details>

$note

#### Policies

$policies

#### Estimated cost

$costs
END
