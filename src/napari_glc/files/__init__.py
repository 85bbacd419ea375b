"""A ``.glc`` file opened or made: arrays to bytes and back, region by region."""
