"""Claims about speed, each a ratio against a named alternative in one run (see README.md here)."""
