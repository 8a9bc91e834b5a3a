"""2048: inputs and symmetries."""
