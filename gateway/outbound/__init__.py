"""What leaves: notifications to citizens and deliveries to agencies."""
