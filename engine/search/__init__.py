"""Search: evaluators that answer leaves, and the facade over the native core."""
