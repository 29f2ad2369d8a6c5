"""Tests of the local platform's own parts; none needs the platform to be up."""
