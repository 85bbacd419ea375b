"""Simulated loss of indices and what recovers them."""
