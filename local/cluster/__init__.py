"""The Kubernetes cluster of the local platform: control plane, node and External Secrets Operator."""
