"""The message, the report, and the pure way from what a channel said to them."""
