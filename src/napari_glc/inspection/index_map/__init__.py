"""Index maps: colours, statistics, one codeword at a time."""
