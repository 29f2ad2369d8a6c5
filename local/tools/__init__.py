"""Builds the platform's Go programs from modules pinned here, one module per family of programs."""
