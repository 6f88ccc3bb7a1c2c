"""Of two processes, each drops in its rows what one process drops in the whole batch, also of what a GRU returns.

torch's GRU returns (B, T, H) that lies frame by frame in memory. A mask for the whole batch in that order had rows of
one frame and of the next in the same place: dropout of several processes was not that of one.
"""

import torch

from pysed.networks import compiled_layers, layers


def test_a_grus_output_lies_clip_by_clip(monkeypatch):
    monkeypatch.setattr(compiled_layers, "library", lambda maps: None)  # plain torch
    gru = layers.Gru(3, 4, batch_first=True)
    x = torch.randn(6, 5, 3)
    whole = gru(x).detach()
    torch.manual_seed(1)
    expected = layers.dropout(whole, 0.5, True)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(layers.parallel, "size", lambda: 2)
        monkeypatch.setattr(layers.parallel, "own_rows", lambda count, rank=rank: slice(3 * rank, 3 * rank + 3))
        mine = gru(x[3 * rank : 3 * rank + 3]).detach()
        torch.manual_seed(1)
        parts.append(layers.dropout(mine, 0.5, True))
    torch.testing.assert_close(torch.cat(parts), expected)
