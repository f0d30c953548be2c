"""A small classifier over sentences: what of all the exemplars a sentence is like, in meaning and in words.

Kernel ridge regression, one output per label, on the sentence's embedding joined with its weighted words and word
pairs. It has a closed form, so it is fitted whenever exemplars or the embedding model change, and leaving one
exemplar out costs nothing more, which gives a threshold for a model that nobody has measured
(Rifkin, Yeo and Poggio, "Regularized Least-Squares Classification", 2003).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.ports import Float32Array

Float64Array = NDArray[np.float64]

_TERM = re.compile(r"[a-z']+|\d+|[$€£]")
# Measured on the development messages: flat around these values, see docs/quality.md.
_WORD_WEIGHT = 0.5
_KERNEL_WIDTH = 0.5
_RIDGE = 0.03


class MeaningClassifier:
    """Fitted on labelled exemplars and their vectors of one embedding model; it judges vectors of that model."""

    def __init__(
        self,
        exemplars: Sequence[str],
        labels: Sequence[str],
        vectors: Float32Array,
        *,
        ordinary: str,
        weights: Float64Array | None = None,
    ) -> None:
        """`vectors` has one row of unit length per exemplar; `ordinary` is the label of what is no match.

        `weights`: those of an earlier fit under the same `fit_key`; without them, or with what cannot be them, it is
        fitted anew.
        """
        self._exemplars = list(exemplars)
        self.labels = sorted(set(labels) - {ordinary})
        columns = {label: column for column, label in enumerate((*self.labels, ordinary))}
        self._column_of = np.array([columns[label] for label in labels])
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._words = _WordIndex(exemplars)
        self._targets = np.eye(len(columns))[self._column_of]
        fits = weights is not None and weights.shape == self._targets.shape and weights.dtype == np.float64
        self.weights: Float64Array = (
            weights if weights is not None and fits else np.linalg.solve(self._fitted_kernel(), self._targets)
        )
        self._latest: tuple[tuple[tuple[str, ...], bytes] | None, Float64Array] = (None, np.empty(0))

    def scores(self, sentences: Sequence[str], vectors: Float32Array) -> Float64Array:
        """How much each sentence is like each label and, last, the ordinary: 0 to 1 or so.

        Shape (len(sentences), len(self.labels) + 1), not to be written to. What is like nothing scores near 0 for all.
        """
        # A turn asks twice of its message: whether it is clear, and what it means.
        asked = (tuple(sentences), vectors.tobytes())
        if asked != self._latest[0]:
            self._latest = (asked, self._kernel(sentences, vectors) @ self.weights)
        return self._latest[1]

    def leads(self, sentences: Sequence[str], vectors: Float32Array) -> Float64Array:
        """How far each label leads the ordinary, 1 to -1 or so: shape (len(sentences), len(self.labels))."""
        return leads_of(self.scores(sentences, vectors))

    def nearest(self, label: str, sentence: str, vector: Float32Array) -> str:
        """The exemplar of a label that a sentence is most like."""
        similarities = self._kernel([sentence], vector[None, :])[0]
        of_label = self._column_of == self.labels.index(label)
        return self._exemplars[int(np.where(of_label, similarities, -1.0).argmax())]

    def calibrate(self, false_alarms: float) -> float:
        """The lead that this share of the ordinary exemplars exceeds, each judged by all others."""
        # What each exemplar would score if it had been left out (the same source, section 4).
        inverse = np.linalg.inv(self._fitted_kernel())
        left_out = self._targets - self.weights / np.diag(inverse)[:, None]
        best = leads_of(left_out).max(axis=1)
        return float(np.quantile(best[self._column_of == len(self.labels)], 1.0 - false_alarms))

    def _fitted_kernel(self) -> Float64Array:
        kernel = self._kernel(self._exemplars, self._vectors)
        return kernel + _RIDGE * np.eye(len(kernel))

    def _kernel(self, texts: Sequence[str], vectors: Float32Array) -> Float64Array:
        """Shape (len(texts), exemplars), 1 for an identical sentence; wordless texts lie a little further off."""
        products = vectors @ self._vectors.T + _WORD_WEIGHT**2 * self._words.cosines(texts)
        squared_distances = 2.0 * (1.0 + _WORD_WEIGHT**2 - products)
        kernel: Float64Array = np.exp(-_KERNEL_WIDTH * squared_distances)
        return kernel


def fit_key(exemplars: Sequence[str], labels: Sequence[str], vectors: Float32Array) -> str:
    """A name for what a fit depends on; it changes with any of it."""
    digest = hashlib.sha256(repr((1, _WORD_WEIGHT, _KERNEL_WIDTH, _RIDGE, vectors.shape)).encode())
    for text in (*exemplars, *labels):
        digest.update(hashlib.sha256(text.encode()).digest())
    digest.update(np.ascontiguousarray(vectors).tobytes())
    return f"fit-{digest.hexdigest()}"


class _WordIndex:
    """Cosines between texts and a fixed collection, over words and word pairs weighted by their rarity."""

    def __init__(self, collection: Sequence[str]) -> None:
        terms = [set(_terms(text)) for text in collection]
        frequency = Counter(term for found in terms for term in found)
        self._rarity = {term: math.log((1 + len(terms)) / (1 + count)) for term, count in frequency.items()}
        self._unseen = math.log(1 + len(terms))
        self._size = len(terms)
        postings: dict[str, list[int]] = {term: [] for term in frequency}
        for row, found in enumerate(terms):
            for term in found:
                postings[term].append(row)
        self._postings = {term: np.array(rows) for term, rows in postings.items()}
        self._lengths = np.array([self._length(found) for found in terms])

    def cosines(self, texts: Sequence[str]) -> Float64Array:
        """Shape (len(texts), collection)."""
        result = np.zeros((len(texts), self._size))
        for row, text in zip(result, texts, strict=True):
            found = set(_terms(text))
            for term in found & self._postings.keys():
                row[self._postings[term]] += self._rarity[term] ** 2
            row /= self._lengths * self._length(found)
        return result

    def _length(self, terms: Iterable[str]) -> float:
        return math.sqrt(sum(self._rarity.get(term, self._unseen) ** 2 for term in terms)) or 1.0


def _terms(text: str) -> list[str]:
    words = ["#" if term.isdigit() else term for term in _TERM.findall(text.lower())]
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def leads_of(scores: Float64Array) -> Float64Array:
    """Each column of scores but the last (the ordinary), less the last."""
    leads: Float64Array = scores[:, :-1] - scores[:, -1:]
    return leads
