"""Other people's registries: imageio, Zarr, numcodecs."""
