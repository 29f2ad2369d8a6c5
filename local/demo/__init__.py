"""`make demo`: everpull's main job on the local platform, from `pulumi up` to a pulled pod."""
