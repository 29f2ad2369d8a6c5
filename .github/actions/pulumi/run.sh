#!/usr/bin/env bash
# Runs a preview with all that belongs to it (see preview.sh), or `pulumi up` (COMMAND), on STACK.
set -euo pipefail

KUBECONFIG=$RUNNER_TEMP/kubeconfig
(umask 077 && printf '%s\n' "$KUBECONFIG_CONTENT" >"$KUBECONFIG")
unset KUBECONFIG_CONTENT
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT

case $COMMAND in
preview | up) ;;
*)
    echo "neither preview nor up: $COMMAND" >&2
    exit 2
    ;;
esac

pulumi install
if [[ $COMMAND == preview ]]; then
    FOLDER=$RUNNER_TEMP .github/preview.sh
else
    pulumi up --stack "$STACK" --diff --yes --non-interactive --color never --suppress-progress
fi
