"""What whoever runs the gateway asks it: health, and why a report went where it went."""
