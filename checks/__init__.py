"""What `make check` asks beyond ready-made tools."""
