"""Keeps live docker logins for Amazon ECR registries where pods can pull with them.

There are two entries over one use case: the Lambda function `handler` keeps one secret in Secrets Manager, the CronJob's
`python -m refresher` keeps a Secret in each of many namespaces. Map, from the middle outwards:

- `core`: pure rules. What a login is, how a docker config holds it, when it is still fresh.
- `lifetimes`: when each login of a place was fetched and dies, since they need not be of one age.
- `registries`: reads account and region out of a registry's host name, and says which registries share a login.
- `ports`: what the refresh needs from outside: a source of logins, a sink with places for them.
- `refresh`: the use case: read every place, decide, fetch every login that is due once, check it, write the places that change.
- `shortfall`: what is told of logins that were not to be had.
- `errors`: every way in which a refresh fails.

On AWS:

- `ecr`, `secrets_manager`: the ports; `document` is what the secret holds. `assumed_roles`: who asks ECR for other accounts.
- `aws_clients` makes clients, `aws_logins` the source of logins on them; `aws_calls` turns their errors into messages that hold
  no secret, by what `denials` reads in them, and `credentials` says of credentials that are not to be had.
- `patience`: waits for IAM rights that arrive late, at deploy time only.

In Kubernetes:

- `kubernetes_api`: the sink; `kubernetes_listing` gives it long lists, `kubernetes_errors` says what refusals mean.
- `pull_secret`, `ownership`, `targets`: pure. What is written, whose a Secret is, and which ones to keep; `shapes` reads what
  anybody may have written.
- `kubernetes_http`: requests, over `connections` (TLS, `proxies`), `http11` and `backoff`, as the pod's `service_account`.

Images that are tried once the logins are in place:

- `images`, `pulling`: pure. What they are and what became of each, and what a registry is asked to know that.
- `verification`: tries all of them, over `registry_http`, with the logins that `tally` chooses. Not imported without need.

Entries:

- `handler`, with `job` for what it is asked: environment and event in, a JSON result out.
- `__main__`, with `command` for what it is asked and `summary` for its report: environment and arguments in, exit status out.
- `wanted`: what both are to log in to; `logs`: JSON lines for both.

Needs botocore, which every Lambda runtime has, and the standard library alone. Importing this package imports no module of it.
"""
