"""Words and their times from a look-ahead graph against the vosk package's own, on speech of espeak-ng.

Skipped without espeak-ng, the package (not among the project's: call pytest itself, with another environment's folder
in PYTHONPATH) or models/vosk-ko as stage 0 arranges it.
"""

import json
import shutil
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pysed.features.of_samples import AsrFeatures, as_int16_values
from pysed.kaldi.decode import DecoderOptions
from pysed.kaldi.nnet3.chunks import ChunkOptions
from pysed.kaldi.phones import read_phones, read_symbols, split_to_phones
from pysed.kaldi.recogniser import Recogniser

ROOT = Path(__file__).parents[2]
MODEL, GIVEN = ROOT / "models/vosk-ko", ROOT / "models/.vosk-ko.unpacked"
SENTENCES = (
    "우리 학교는 서울에 있습니다",
    "아기가 밤에 많이 울었습니다",
    "내일 아침에 친구를 만나요",
    "대한민국 정부는 오늘 새로운 정책을 발표했습니다",
)
FRAME_S = 0.03
Words = list[tuple[str, float, float]]


@pytest.fixture(scope="module")
def vosk_model():
    vosk = pytest.importorskip("vosk")
    if shutil.which("espeak-ng") is None or not (MODEL / "graph/HCLG.fst").is_file() or not GIVEN.is_dir():
        pytest.skip("needs espeak-ng and stage 0 with --asr vosk-ko")
    vosk.SetLogLevel(-1)
    return vosk, vosk.Model(str(GIVEN))


def spoken(text: str, path: Path) -> np.ndarray:
    """Samples (N,) in [-1, 1] at 16 kHz, with silence around them."""
    import soxr

    subprocess.run(["espeak-ng", "-v", "ko", "-s", "130", "-w", str(path), text], check=True)
    samples, rate_hz = soundfile.read(path)
    return np.pad(soxr.resample(samples, rate_hz, 16000), (4800, 8000))


def by_vosk(vosk, model, samples: np.ndarray) -> Words:
    recogniser = vosk.KaldiRecognizer(model, 16000)
    recogniser.SetWords(True)
    recogniser.AcceptWaveform((32767 * samples).astype("<i2").tobytes())
    found = json.loads(recogniser.FinalResult()).get("result", [])
    return [(word["word"], word["start"], word["end"]) for word in found]


def by_graph(asr: AsrFeatures, recogniser: Recogniser, samples: np.ndarray) -> Words:
    """Times from the phones' word positions; the alignment's own words stand at other frames."""
    decoded = recogniser.decode(*asr.inputs(as_int16_values(samples.astype(np.float32))))
    assert decoded is not None
    names = read_phones(str(MODEL / "phones.txt"), recogniser.transitions)
    times, frame = [], 0
    for phone, length in split_to_phones(recogniser.transitions, decoded.alignment):
        position = names[phone].rpartition("_")[2]
        if position in ("B", "S"):
            times.append((frame * FRAME_S, (frame + length) * FRAME_S))
        elif position in ("I", "E"):
            times[-1] = (times[-1][0], (frame + length) * FRAME_S)
        frame += length
    words = read_symbols(str(MODEL / "graph/words.txt"))
    assert len(times) == len(decoded.words), "phones' positions and the graph's words tell of the same words"
    return [(words[number], *time) for number, time in zip(decoded.words.tolist(), times, strict=True)]


def test_words_that_both_find_stand_at_the_same_times(vosk_model, tmp_path):
    vosk, model = vosk_model
    asr = AsrFeatures(MODEL, "prefinal-l")
    chunks = ChunkOptions(150, frame_subsampling_factor=3, online_ivector_period=10)
    options = DecoderOptions(beam=15.0, max_active=7000)
    recogniser = Recogniser(str(MODEL / "final.mdl"), str(MODEL / "graph/HCLG.fst"), chunks, options)
    differences = []
    for sentence in SENTENCES:
        samples = spoken(sentence, tmp_path / "a.wav")
        theirs, ours = by_vosk(vosk, model, samples), by_graph(asr, recogniser, samples)
        matcher = SequenceMatcher(None, [word[0] for word in theirs], [word[0] for word in ours], autojunk=False)
        for block in matcher.get_matching_blocks():
            for index in range(block.size):
                one, other = theirs[block.a + index], ours[block.b + index]
                differences += [abs(one[1] - other[1]), abs(one[2] - other[2])]
    assert len(differences) >= 10, "some words are the same"
    assert np.median(differences) <= FRAME_S + 1e-3
    assert np.mean(np.array(differences) <= FRAME_S + 1e-3) > 0.75
