"""Work between two steps: relayed from the outbox, consumed in batches, leased to one process."""
