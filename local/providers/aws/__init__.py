"""A stand-in for the `pulumi-resource-aws` plugin, for machines on which the real one can't be had. See README.md."""
