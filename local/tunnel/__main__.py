"""`python -m local.tunnel`: the proxy, until SIGTERM."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from local.tunnel.authority import Authority
from local.tunnel.proxy import Server
from local.tunnel.routes import routes


def main() -> int:
    """Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.tunnel", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws", required=True, help="address of the AWS side")
    parser.add_argument("--registry", required=True, help="address of the registry side")
    parser.add_argument("--authority", type=Path, required=True, help="folder of the certificate authority")
    chosen = parser.parse_args()

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    with Server(chosen.port, routes(chosen.aws, chosen.registry), Authority(chosen.authority)) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
