"""Generative latent coding (GLC, CVPR 2024): coefficients of a latent under a categorical hyper-prior."""
