"""Drives everpull on the local platform as a person would: the Pulumi CLI, images, pods. For the demo and the live tests."""
