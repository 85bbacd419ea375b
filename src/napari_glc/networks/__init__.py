"""Torch modules only: no files, no bytes, no losses.

``float`` forward passes live here for training and synthesis; the arithmetic on which the
probabilities of a stream depend is evaluated by :mod:`napari_glc.networks.fixed_point`.
"""
