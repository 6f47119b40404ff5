"""How near a result is to the original."""
