"""The citizens' pages: the form, the receipt, the tracking page."""
