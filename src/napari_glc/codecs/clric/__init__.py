"""CLRIC (arXiv 2502.14937): a small function overfitted to the latent of each picture."""
