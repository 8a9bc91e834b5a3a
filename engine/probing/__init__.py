"""Probes: positions with known truth, who made them, and what an agent makes of them."""
