"""Models: trained, measured, kept in versions, and the ones in use."""
