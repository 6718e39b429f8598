"""The database: one durable write at the door, units of work behind it, reads for people."""
