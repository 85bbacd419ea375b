"""How well orders of a codebook put like words side by side.

python benchmarks/codeword_order.py

Prints, for each order of the largest codebook of the default vqgan model, the mean distance of neighbours in units of
the mean distance of two words, and how far apart in the line a word and its four nearest words are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import laplacian
from scipy.spatial.distance import pdist, squareform

from napari_glc.codecs import model_of
from napari_glc.codecs.loading import loaded_codec
from napari_glc.inspection.index_map.codewords import order_codewords

NEAREST = 4


def along_axis(words: NDArray[Any]) -> NDArray[np.int64]:
    """Order along the first principal axis."""
    axis = np.linalg.svd(words - words.mean(0), full_matrices=False)[2][0]
    return (words @ axis).argsort()


def along_fiedler(distances: NDArray[Any]) -> NDArray[np.int64]:
    """Order along the second eigenvector of the Laplacian of the graph of ten nearest words."""
    near = distances.argsort(1)[:, 1:11]
    rows = np.repeat(np.arange(len(near)), 10)
    graph = coo_array((np.ones(rows.size), (rows, near.ravel())), distances.shape).toarray()
    return np.linalg.eigh(laplacian(np.maximum(graph, graph.T), normed=True))[1][:, 1].argsort()


def main() -> None:
    """Print the table."""
    codec: Any = loaded_codec(model_of("vqgan", None), "cpu")
    words = codec.net.codebook(len(codec.config.codebooks) - 1).embedding.weight.numpy().astype(np.float64)
    condensed = pdist(words)
    distances = squareform(condensed)
    orders = {
        "random": np.random.default_rng(0).permutation(len(words)),
        "first principal axis": along_axis(words),
        "Fiedler vector of the neighbourhood graph": along_fiedler(distances),
        "optimal leaf order (average linkage)": leaves_list(linkage(condensed, "average", optimal_ordering=True)),
        "Ward's tree turned along the axis": order_codewords(words),
    }
    near = distances.argsort(1)[:, 1 : 1 + NEAREST]
    for name, order in orders.items():
        smooth = distances[order[:-1], order[1:]].mean() / condensed.mean()
        rank = np.empty(len(words), int)
        rank[order] = np.arange(len(words))
        spread = np.abs(rank[:, None] - rank[near]).mean() / len(words)
        print(f"{name:45s} {smooth:.2f} {spread:.3f}")


if __name__ == "__main__":
    main()
