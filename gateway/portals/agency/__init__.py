"""The agencies' programs: fetch what was assigned, and respond."""
