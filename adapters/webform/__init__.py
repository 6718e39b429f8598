"""How the web form's bodies are read, and what its senders are told."""
