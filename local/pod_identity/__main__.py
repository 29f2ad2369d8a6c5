"""`python -m local.pod_identity`: the agent, until SIGTERM."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config

from local.cluster.api import Api
from local.cluster.certificates import Pki
from local.pod_identity.agent import Agent


def main() -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.pod_identity", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws", required=True, help="address of the AWS side; its access key comes by the environment")
    parser.add_argument("--region", required=True)
    parser.add_argument("--cluster", required=True, help="the cluster's name in EKS")
    parser.add_argument("--kube-api", required=True, help="address of the cluster's API server")
    parser.add_argument("--pki", type=Path, required=True, help="folder of the cluster's certificates")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")

    def aws(service: str) -> Any:
        # No proxy of whoever brought the platform up is to be asked for it.
        config = Config(region_name=chosen.region, proxies={})
        return boto3.client(service, endpoint_url=chosen.aws, config=config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    api = Api(chosen.kube_api, Pki(chosen.pki))
    with Agent(chosen.port, chosen.cluster, aws("eks-auth"), aws("eks"), api) as agent:
        threading.Thread(target=agent.keep_listing, daemon=True).start()
        agent.serve_forever()
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
