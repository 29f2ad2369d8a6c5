"""Keeps one Secrets Manager secret holding a live docker login for Amazon ECR registries.

Map, from the middle outwards:

- `core`: pure rules. What a login is, how a docker config holds it, when it is still fresh.
- `document`: pure. The JSON document that the secret in Secrets Manager holds.
- `registries`: reads account and region out of a registry's host name.
- `ports`: what the refresh needs from outside: a source of logins, a sink with places for them.
- `refresh`: the one use case: read every place, decide, fetch every login, check them, write the places that are due.
- `ecr`, `secrets_manager`: the ports on AWS, with `aws_calls` turning AWS errors into messages that hold no secret;
  `aws_clients` makes their clients.
- `patience`: waits for IAM rights that arrive late, at deploy time only.
- `job`, `logs`, `handler`: the Lambda entry: environment and event in, JSON log lines and a JSON result out.
- `errors`: every way in which a refresh fails.

Needs boto3 and the standard library alone. Importing this package imports none of its modules.
"""
