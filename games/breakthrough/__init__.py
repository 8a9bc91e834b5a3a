"""Breakthrough: families of probes with proven truth."""
