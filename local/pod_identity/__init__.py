"""A stand-in for what EKS puts into a cluster for pod identities: the webhook that prepares pods, and the agent on each node.

It is neither: an admission policy prepares the pods, from a list that the agent keeps, and the agent answers on the loopback
address of the host, whose network all pods here have, because nothing but EKS has 169.254.170.23.
"""
