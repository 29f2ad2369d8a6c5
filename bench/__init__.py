"""Measures everpull's CronJob entry beside another program that does the same work, on the local platform.

Map, from the outside in:

- `__main__`: the command line; `report`: the tables of README.md and, with `chart`, its picture.
- `fanout`: the experiment. Which program runs when, from which state, and what has to be true afterwards.
- `subjects`: the two programs, as their pods would run them; `process` and `launch`: one cold run and what it took.
- `ground`: the namespaces, accounts and rights they run in; `removal`: takes them away again.
- `pull_secrets`: what the programs write, and whether it is any good.
- `counters`: requests, counted by the API server.
- `local.tunnel`: the way to AWS for a program that knows no endpoint but the real one; counts AWS calls.
- `figures`: medians, ratios, growth. Pure.
- `kube`: the administrator's requests to the API server, many at a time.
"""
