"""Index maps (fine-tuned VQGAN, Mao et al.): nearest codewords, coded without loss, in packets."""
