"""What every room of the shell may use: seal, sandbox, logs, metrics, loop, files."""
