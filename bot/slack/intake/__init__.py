"""How questions come in beyond their first delivery: what is refused, known already, changed, or was missed."""
