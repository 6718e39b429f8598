"""The official regions of Indonesia as data, and how that data is built."""
