"""Mode `generator`."""

import pulumi

from cluster.leftovers import cleared
from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from components.generated_logins import LOGIN_ANNOTATION, LoginGroup
from components.generator_delivery import GeneratorDelivery
from settings import GeneratorSettings, Group, Settings

from .by_operator import operator_args, served


def deliver(
    settings: Settings,
    chosen: GeneratorSettings,
    around: Surroundings,
    args: DeliveryArgs,
    opts: pulumi.ResourceOptions,
) -> dict[str, object]:
    """The delivery's outputs. `pullSecrets` are known once ESO has synced every one of them."""
    delivery = GeneratorDelivery(
        settings.owner,
        {
            **operator_args(settings, around, args, chosen.fan_out_interval),
            "login_groups": [login_group(group) for group in settings.login_groups],
            "renew_interval": chosen.renew_interval,
            "before_login": cleared(settings, LOGIN_ANNOTATION),
        },
        opts,
    )
    return {
        **served(settings, chosen, delivery, opts),
        # Under the name that it has in every mode: whose rights every login carries.
        "refresherArn": delivery.identity_arn,
    }


def login_group(group: Group) -> LoginGroup:
    """The group, with a name: its region and, if a role fetches its login, that one's account; there is one role an account."""
    if group.is_public:
        return {"name": "public", "hosts": group.hosts, "region": group.region, "public": True}
    name = f"{group.region}-{group.registries[0].account}" if group.role else group.region
    return {"name": name, "hosts": group.hosts, "region": group.region, "role": group.role}
