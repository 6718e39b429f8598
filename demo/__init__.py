"""Doubles of providers, and the demonstration that sends messages through them."""
