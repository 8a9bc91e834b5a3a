"""Chess: rendering, proofs of mate and stalemate, Stockfish as a judge, and probes."""
