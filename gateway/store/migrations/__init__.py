"""Changes of the tables, one after the other, run by the gateway itself."""
