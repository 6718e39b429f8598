"""What those who run the gateway ask it: health, and why a report went where it went."""
