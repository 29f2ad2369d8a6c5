"""Keeps one Secrets Manager secret holding a live docker login for Amazon ECR registries.

Map, from the middle outwards:

- `core`: pure rules. What a login is, what the secret document looks like, when it is still fresh.
- `registries`: reads account and region out of a registry's host name.
- `ports`: what the refresh needs from outside: a source of logins, a sink for the document.
- `refresh`: the one use case: read, decide, fetch every login, check them, write once.
- `ecr`, `secrets_manager`: the ports on AWS, with `aws_calls` turning AWS errors into messages that hold no secret.
- `patience`: waits for IAM rights that arrive late, at deploy time only.
- `job`, `logs`, `handler`: the Lambda entry: environment and event in, JSON log lines and a JSON result out.
- `errors`: every way in which a refresh fails.

Needs boto3 and the standard library alone. Importing this package imports none of its modules.
"""
