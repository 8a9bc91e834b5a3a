"""How good an agent is: matches with intervals, and agreement with a perfect player."""
