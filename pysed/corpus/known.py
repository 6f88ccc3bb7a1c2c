"""What a corpus's lists say of recordings: which subset each is in, and what was cut from it before."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pysed.audio import AudioFile
from pysed.corpus.own_recordings import identity_of, size_of
from pysed.corpus.sources import Background, EventClip, Sources

Span = tuple[float, float]


@dataclass
class Cut:
    """What was cut from one recording before: events with their classes, and backgrounds with their entries."""

    events: list[tuple[Span, str]]
    backgrounds: list[tuple[Span, dict]]


class Known:
    """What the corpus's lists say of recordings: their subset, what was cut from archives before, and the events of
    clips that are recordings themselves."""

    def __init__(self, subsets: dict[str, Sources]):
        self.subset: dict[str, str] = {}
        self.recording: dict[str, str] = {}  # identity_of() a file -> the recording that it is part of
        self._cut: dict[str, Cut] = defaultdict(lambda: Cut([], []))  # by name or identity
        self._whole: dict[str, dict[Path, list[EventClip]]] = defaultdict(dict)  # of whole recordings, by size_of()
        for subset, sources in subsets.items():
            clips: list[EventClip | Background] = [*sources.backgrounds]
            for each in clips + [clip for events in sources.events.values() for clip in events]:
                self.subset.setdefault(each.recording, subset)
                cut = each.entry.get("cut_from")
                if not isinstance(cut, dict) or not isinstance(cut.get("file"), str):
                    if isinstance(each, EventClip):
                        with AudioFile(each.path) as audio:
                            self._whole[size_of(audio)].setdefault(each.path, []).append(each)
                    continue
                try:
                    span = float(cut["segment"][0]), float(cut["segment"][1])
                except (KeyError, IndexError, TypeError, ValueError):
                    continue
                key = cut["file"]
                if isinstance(cut.get("audio"), str):
                    key = cut["audio"]
                    self.recording.setdefault(key, each.recording)
                if "label" in cut:
                    self._cut[key].events.append((span, str(cut["label"])))
                else:
                    self._cut[key].backgrounds.append((span, each.entry))
        self._sizes = {key.rpartition(" ")[0] for key in self.recording}

    def identity(self, path: Path, audio: AudioFile) -> str:
        """That of a file which the corpus knows; nothing for others."""
        for clip, events in self._whole.pop(size_of(audio), {}).items():
            known = identity_of(clip)
            self._sizes.add(size_of(audio))
            self.recording.setdefault(known, events[0].recording)
            self._cut[known].events += (((each.onset_s, each.offset_s), each.label) for each in events)
        if size_of(audio) not in self._sizes:
            return ""
        found = identity_of(path)
        return found if found in self.recording else ""

    def cut(self, name: str, identity: str) -> Cut:
        """What was cut from a file of this name, as lists without identities have it, or of this identity."""
        both = [self._cut[key] for key in (name, identity) if key in self._cut]
        return Cut([one for cut in both for one in cut.events], [one for cut in both for one in cut.backgrounds])
