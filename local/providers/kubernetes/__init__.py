"""A local stand-in for the Kubernetes provider plugin. NOT the real one: README.md says what it covers."""
