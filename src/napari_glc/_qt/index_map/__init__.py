"""VQ index map."""
