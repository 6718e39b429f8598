"""What every route has in common: bounds of a connection, headers, errors, files."""
