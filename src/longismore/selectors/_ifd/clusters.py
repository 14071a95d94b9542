"""Rows from the middle of every cluster: what a model is trained on before it scores the rest, Cherry's first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longismore._optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["cluster_labels", "middle_rows"]


def cluster_labels(vectors: NDArray[np.float32], *, clusters: int, starts: int, seed: int) -> NDArray[Any]:
    """The cluster of each vector, by k-means.

    It runs in one thread: with several, sums come out in changing order, and rows at a border change sides.

    Args:
        vectors: Shape (n, d), all finite, at least as many as *clusters*.
        clusters: How many there are.
        starts: The best of so many runs counts.
        seed: Of the first centres.

    Returns:
        Numbers from 0, shape (n,).
    """
    cluster = require("sklearn.cluster", extra="select")
    threads = require("threadpoolctl", extra="select")
    with threads.threadpool_limits(limits=1):
        fitted = cluster.KMeans(n_clusters=clusters, n_init=starts, random_state=seed).fit(vectors)
    return fitted.labels_  # type: ignore[no-any-return]


def middle_rows(
    labels: NDArray[Any],
    perplexities: NDArray[np.float64],
    *,
    per_cluster: int,
    low_percent: float,
    high_percent: float,
) -> NDArray[np.int64]:
    """Evenly spaced rows of middling perplexity, of each cluster.

    A cluster of fewer than *per_cluster* rows gives them all. Of the others, the rows between the two percentiles
    (linear interpolation, borders included) count; where they are *per_cluster* or more, so many of them are taken
    at even steps in the order of the data, beginning with the first.

    Args:
        labels: The cluster of each row, shape (n,).
        perplexities: Of each row's prompt, shape (n,).
        per_cluster: How many rows a cluster gives.
        low_percent: Of the lower percentile, 0..100.
        high_percent: Of the upper one.

    Returns:
        Indices, ascending.
    """
    import numpy as np

    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) >= per_cluster:
            own = perplexities[rows]
            low, high = np.percentile(own, low_percent), np.percentile(own, high_percent)
            rows = rows[(own >= low) & (own <= high)]
        if len(rows) >= per_cluster:
            rows = rows[:: len(rows) // per_cluster][:per_cluster]
        chosen.append(rows)
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)
