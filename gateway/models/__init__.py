"""Trained models: kept in versions on disk, and the ones in use."""
