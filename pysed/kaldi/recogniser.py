"""A recogniser: an acoustic model's network and a graph, from features to the best path."""

import numpy as np

from pysed.errors import DataError
from pysed.kaldi.decode import Decoded, Decoder, DecoderOptions
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.nnet3.reader import read_model
from pysed.kaldi.tables import read_object


class Recogniser:
    """Best paths through one graph for one model's network.

    Raises DataError for options that make no sense, and for a model or graph that is damaged or does not fit the other.
    """

    def __init__(
        self,
        model_rxfilename: str,
        graph_rxfilename: str,
        chunks: ChunkOptions,
        options: DecoderOptions | None = None,
        acoustic_scale: float = 1.0,
    ):
        chunks.check()
        model = read_model(read_object(model_rxfilename))
        self.transitions = model.transitions
        num_outputs = model.nnet.output_dim()
        if num_outputs < self.transitions.num_pdfs:
            raise DataError(
                f"{model_rxfilename}: an output of {num_outputs} columns for {self.transitions.num_pdfs} pdfs; "
                "network and transition model do not fit"
            )
        self._decoder = Decoder(graph_rxfilename, self.transitions, options, acoustic_scale)
        self._log_priors = None
        if len(model.priors):
            if len(model.priors) != num_outputs or not (model.priors > 0).all():
                raise DataError(f"{model_rxfilename}: {len(model.priors)} priors for {num_outputs} outputs")
            self._log_priors = np.log(model.priors.astype(np.float32))

        from pysed.kaldi.nnet3.evaluate import NnetComputer

        self._network = NnetComputer(model.nnet, "output", chunks)

    def decode(self, feats: np.ndarray, ivectors: np.ndarray | None = None) -> Decoded | None:
        """The best path for features (T, F), T > 0, and i-vectors (P, I) or (I,); None where no path is left.

        Network and search go block by block. Raises DataError for features and i-vectors that do not fit the model.
        """
        blocks = self._network.blocks(feats, ivectors)
        priors = self._log_priors
        return self._decoder.decode(blocks if priors is None else (block - priors for block in blocks))
