"""What the doors for other programs share: keys, forms, identities, and GeoReport's documents."""
