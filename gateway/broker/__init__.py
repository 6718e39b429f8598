"""The message brokers: RabbitMQ, and the one embedded in the store."""
