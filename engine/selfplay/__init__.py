"""Self-play: games played by the current network, and the replay that keeps them."""
