"""The cTrader Open API: its messages, the connection that carries them, and the broker that trades over it."""
