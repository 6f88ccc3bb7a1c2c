"""Words as strings of phones: what the graph's vocabulary makes of a sound, which single phones do not show."""

from collections import Counter
from collections.abc import Iterable

from pysed.datadir.ctm import Span
from pysed.phones.heard.regions import Region
from pysed.phones.names import is_speech


def split_words(spans: Iterable[Span]) -> list[tuple[str, int, int]]:
    """(phones, begin_us, end_us) of each word: ``X_S`` alone, or ``X_B`` to ``Y_E`` with ``_I`` between.

    Silence and noise are no words, nor are phones without a position or with one out of order.
    """
    words = []
    open_word: list[Span] = []
    for span in spans:
        position = span.phone[-2:] if is_speech(span.phone) else ""
        if position in ("_B", "_S"):
            open_word = [span]
        elif position in ("_I", "_E") and open_word:
            open_word.append(span)
        else:
            open_word = []
        if position in ("_E", "_S") and open_word:
            words.append((" ".join(each.phone for each in open_word), open_word[0].start_us, sum(span[:2])))
            open_word = []
    return words


def count_words(regions: Iterable[Region]) -> list[tuple[str, int, int]]:
    """(phones, count, number of sources) of the words in regions, most frequent first, equals by name.

    A word counts where its centre lies inside, as a phone does.
    """
    counts: Counter[str] = Counter()
    sources: dict[str, set[str]] = {}
    for region in regions:
        for phones, begin, end in split_words(region.spans):
            if any(2 * first <= begin + end < 2 * last for first, last in region.intervals_us):
                counts[phones] += 1
                sources.setdefault(phones, set()).add(region.source)
    order = sorted(counts, key=lambda phones: (-counts[phones], phones))
    return [(phones, counts[phones], len(sources[phones])) for phones in order]
