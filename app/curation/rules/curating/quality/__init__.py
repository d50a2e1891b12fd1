"""How good conversations are: signals, the rules over them, and a score that was learnt."""
