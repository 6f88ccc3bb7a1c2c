"""What the paper prints about phones: Table 2, and the claims its text draws from Table 2 and Figure 2."""

from typing import NamedTuple

SOURCE = "TUT rare sound events 2017, LibriSpeech model"


class Row(NamedTuple):
    """One event of Table 2: median duration, and the phones it names, in its order and spelling (``N e`` as N_E)."""

    median_s: float
    phones: tuple[str, ...]


TABLE_2: dict[str, Row] = {
    "babycry": Row(2.33, ("SPN_S", "EH1_S", "M_E", "OW1_E", "HH_B", "N_E", "OW1_S", "AH1_I", "L_B", "N_B")),
    "glassbreak": Row(1.29, ("SPN_S", "IH1_I", "AH0_I", "IY1_E", "L_B", "L_E", "M_B", "N_E", "T_I", "AE1_B")),
    "gunshot": Row(1.21, ("SPN_S", "AH1_I", "D_E", "EH1_I", "EH1_S", "N_B", "W_B", "Z_E")),
}
