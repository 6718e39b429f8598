"""What the interfaces for partners share: keys, forms and identities. It is no channel itself."""
