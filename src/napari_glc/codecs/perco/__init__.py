"""Codec ``perco``: a hyper-latent and a description condition a diffusion model of an autoencoder's latent."""
