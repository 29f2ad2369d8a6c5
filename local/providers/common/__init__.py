"""What the provider stand-ins share: values, diffs, automatic names and the gRPC server."""
