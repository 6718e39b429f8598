"""The benchmark: Kanal next to the obvious implementation, in the same run on the same services."""
