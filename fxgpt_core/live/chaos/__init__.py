"""The proof that nothing is lost and nothing done twice: a gateway that is killed, at a venue where everything goes wrong."""
