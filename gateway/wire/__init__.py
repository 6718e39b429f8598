"""Events as they travel, and the queues they travel on."""
