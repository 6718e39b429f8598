"""X's posts: what the API sends, how far it was read, what that may cost, and the way to it."""
