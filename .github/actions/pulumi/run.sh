#!/usr/bin/env bash
# Runs `pulumi preview` or `pulumi up` (COMMAND) on STACK; keeps what it says in pulumi.txt, for a comment.
set -euo pipefail

KUBECONFIG=$RUNNER_TEMP/kubeconfig
(umask 077 && printf '%s\n' "$KUBECONFIG_CONTENT" >"$KUBECONFIG")
unset KUBECONFIG_CONTENT
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT

arguments=(--stack "$STACK" --diff --non-interactive --color never --suppress-progress)
case $COMMAND in
preview) ;;
up) arguments+=(--yes) ;;
*)
    echo "neither preview nor up: $COMMAND" >&2
    exit 2
    ;;
esac

pulumi install
pulumi "$COMMAND" "${arguments[@]}" 2>&1 | tee "$RUNNER_TEMP/pulumi.txt"
