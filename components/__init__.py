"""everpull's ComponentResources: one a file, shared nouns first, then one delivery per mode."""
