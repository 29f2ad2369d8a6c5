"""The cluster's API as the Kubernetes provider's kubeconfig reaches it. Knows neither settings nor Pulumi."""
