"""Programs of others: the open API and Open311."""
