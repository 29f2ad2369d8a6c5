"""`python -m local.aws`: the AWS side on one port and the ECR registry side on another, until SIGTERM.

The deployer's (root's) access key is taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, never from arguments,
where anyone on the machine could read it; without them it is `test`/`test`, which is fine on loopback.
"""

import argparse
import asyncio
import os
import signal
from pathlib import Path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="the AWS side")
    parser.add_argument("--registry-port", type=int, required=True, help="the registry side")
    parser.add_argument("--backend-registry", required=True, help="address of the docker-registry that holds images")
    parser.add_argument("--data-dir", type=Path, required=True, help="all state; nothing is written elsewhere")
    parser.add_argument("--token-ttl", type=int, default=43200, help="life of new ECR tokens in seconds")
    parser.add_argument("--account", default="000000000000", help="account of the deployer")
    parser.add_argument("--region", default="eu-central-1", help="region of requests that name none")
    parser.add_argument(
        "--function-variable",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable of every Lambda function",
    )
    parser.add_argument(
        "--issuer",
        action="append",
        default=[],
        metavar="ISSUER=URL",
        help="an OpenID Connect issuer and where its key set is; the first is that of the EKS cluster everpull-local",
    )
    parser.add_argument("--issuer-authority", type=Path, help="the certificate authority of those that are HTTPS")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    # Comes with ministack, so only in the environment that this process runs in.
    from hypercorn.asyncio import serve  # pyright: ignore[reportMissingImports]
    from hypercorn.config import Config  # pyright: ignore[reportMissingImports]

    from local.aws import (
        alarm_rules,
        ecr_api,
        ecr_public,
        eks_rules,
        emulator,
        events_rules,
        front,
        iam_rules,
        issuers,
        lambda_rules,
        logs_rules,
        oidc_providers,
        pod_identity,
        registry,
        rotation_rules,
        secrets_rules,
        tokens,
        web_identity,
    )
    from local.aws.backend import Backend
    from local.aws.behind import Behind
    from local.aws.callers import Callers
    from local.aws.consistency import IamView
    from local.aws.persistence import Store
    from local.aws.policy import Policy
    from local.aws.pull_through import PullThrough

    data: Path = arguments.data_dir.resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = tokens.load_key(data / "token-signing.key")
    running = emulator.Emulator(
        emulator.Settings(
            port=arguments.port,
            data_dir=data,
            account=arguments.account,
            region=arguments.region,
            access_key_id=os.environ.get("AWS_ACCESS_KEY_ID") or "test",
            secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY") or "test",
            function_variables=dict(pair.split("=", 1) for pair in arguments.function_variable),
        )
    )
    backend, policy, calls = Backend(arguments.backend_registry), Policy(running), front.Calls()
    callers = Callers(running)

    def count(action: str, principal: str) -> None:
        calls.add(action, callers.named(principal))

    life, pace = ecr_api.TokenLife(arguments.token_ttl), events_rules.Pace()
    store = Store(running)
    knobs = front.Knobs(life, IamView(running), pace)
    caches = PullThrough(running, backend, policy, count, store.save)
    ecr_api.EcrApi(running, policy, backend, caches, key, life)
    ecr_public.EcrPublicApi(running, policy, key, life)
    iam_rules.install(running, callers)
    oidc_providers.install(running)
    addresses = dict(pair.split("=", 1) for pair in arguments.issuer)
    keys = issuers.Issuers(addresses, arguments.issuer_authority)
    web_identity.WebIdentity(running, keys)
    rotation_rules.install(running, pace)
    secrets_rules.install(running)
    alarm_rules.install(running, pace)
    lambda_rules.install(running)
    events_rules.install(running, pace)
    logs_rules.install(running)
    own = next(iter(addresses), None)
    eks_rules.install(running, own)
    pods = pod_identity.PodIdentity(running, keys, own) if own else None
    ports = (arguments.port, arguments.registry_port)
    aws_side = front.Front(running, calls, callers, knobs, store, backend, ports, pods)
    behind = Behind(f"http://127.0.0.1:{arguments.registry_port}", backend, key)
    registry_side = registry.Registry(behind, policy, caches, key, count)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def config(port: int) -> Config:
        made = Config()
        made.bind = [f"127.0.0.1:{port}"]
        made.keep_alive_timeout = 75
        made.graceful_timeout = 3
        return made

    sweeping = asyncio.create_task(store.sweep())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(aws_side, config(arguments.port), shutdown_trigger=stop.wait))
        tasks.create_task(serve(registry_side, config(arguments.registry_port), shutdown_trigger=stop.wait))
    sweeping.cancel()


if __name__ == "__main__":
    # State holds secret access keys.
    os.umask(0o077)
    asyncio.run(_serve(_arguments()))
