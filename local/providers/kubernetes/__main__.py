"""The plugin's entry: `python -m local.providers.kubernetes ENGINE_ADDRESS`, as the Pulumi engine starts it."""

import sys

from local.providers.common.server import serve
from local.providers.kubernetes.provider import KubernetesProvider

if __name__ == "__main__":
    serve(KubernetesProvider(), sys.argv[1:])
