"""Is any message lost or doubled? Senders, doubles and a checker that know Kanal from outside.

Nothing here imports the gateway: it is started by its command line and read by its tables, queues
and what arrives at the other end. ``python -m faults`` (``make faults``) strikes and counts.
"""
