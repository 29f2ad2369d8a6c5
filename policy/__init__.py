"""Rules on what a stack would make, run over `pulumi preview --json`, by `make check` and by Pulumi's own policy packs."""
