"""A recogniser's folder read whole and held against itself, before hours of work are begun with it."""

from pysed.errors import DataError
from pysed.kaldi.ivector import IvectorExtractor
from pysed.kaldi.model_folder import ModelFolder
from pysed.kaldi.nnet3.model import Nnet
from pysed.kaldi.nnet3.reader import read_model
from pysed.kaldi.openfst import read_fst
from pysed.kaldi.phones import read_phones
from pysed.kaldi.tables import read_object


def check_whole(folder: ModelFolder) -> None:
    """Read network, i-vector extractor and, where there is one, graph. Raises DataError unless they fit each other."""
    network, graph, phones = (folder.path / name for name in ("final.mdl", "graph/HCLG.fst", "phones.txt"))
    model = read_model(read_object(str(network)))
    check_widths(folder, model.nnet, folder.extractor())
    if not graph.is_file():
        return
    if not phones.is_file():
        raise DataError(
            f"{phones}: missing, though there is a graph; copy the phones.txt that {graph} was made with there, or "
            "remove the graph: features only"
        )
    read_phones(str(phones), model.transitions)
    if model.nnet.output_dim() < model.transitions.num_pdfs:
        raise DataError(
            f"{network}: an output of {model.nnet.output_dim()} columns for {model.transitions.num_pdfs} pdfs; network "
            "and transition model do not fit: copy the model anew"
        )
    read_fst(str(graph)).check(model.transitions.num_transition_ids)


def check_widths(folder: ModelFolder, nnet: Nnet, extractor: IvectorExtractor | None) -> None:
    """Raise DataError unless the network takes MFCC and i-vectors as wide as the folder's configuration makes them."""
    takes = nnet.input_dim("input"), nnet.input_dim("ivector")
    given = folder.mfcc.num_ceps, 0 if extractor is None else extractor.model.ivector_dim
    if takes != given:
        raise DataError(
            f"{folder.path / 'final.mdl'}: takes {takes[0]} MFCC and i-vectors of {takes[1]}; conf/mfcc_hires.conf and "
            f"extractor/ give {given[0]} and {given[1]}: copy those of the network's training there"
        )
