"""QuantAI: a trading daemon that is declared in YAML."""
