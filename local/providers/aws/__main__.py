"""The plugin's entry: `python -m local.providers.aws ENGINE_ADDRESS`, as the Pulumi engine starts it."""

import sys

from local.providers.aws.provider import AwsProvider
from local.providers.common.server import serve

if __name__ == "__main__":
    serve(AwsProvider(), sys.argv[1:])
