"""Attribution where the answer is known."""

import numpy as np
import torch

from pysed.detector.config import config_from_dict
from pysed.networks import build_model
from pysed.phones.patterns.attribution import attribute, integrated_gradients


class OneFeature(torch.nn.Module):
    """A logit of one recogniser feature's square, and of nothing else."""

    def forward(self, features, asr):
        return asr[..., 2] ** 2 + 0 * asr.sum(-1)


def streams(seed=1, clips=2, frames=30, width=5):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(clips, 2 * frames, 40, generator=generator)
    decided = torch.zeros(clips, frames, dtype=torch.bool)
    decided[:, 10:14] = True
    return features, torch.randn(clips, frames, width, generator=generator), decided


def gradual(**changes):
    torch.manual_seed(3)
    config = config_from_dict({"system": "gradual", "model": "cbrnn", "asr": True, **changes}, "test")
    return build_model(config, 40, 5).eval()


def test_attribution_is_complete_and_known_for_a_polynomial():
    x, baseline = torch.tensor([[2.0, -1.0, 3.0]], dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)

    def function(v):
        return v[:, 0] ** 2 + v[:, 0] * v[:, 1]

    # By hand: x0² all to x0; x0·x1 = -2, half to each; nothing to x2.
    found, missing = integrated_gradients(function, x, baseline, function(x), tolerance=1e-9)
    assert torch.allclose(found, torch.tensor([[3.0, -1.0, 0.0]], dtype=torch.float64), atol=1e-6)
    assert missing.abs().max() < 1e-6


def test_a_network_of_one_feature_gives_it_all():
    features, asr, decided = streams()
    found, missing = integrated_gradients(
        lambda a: OneFeature()(features, a).sum(1), asr, torch.zeros_like(asr), (asr[..., 2] ** 2).sum(1)
    )
    assert found[..., [0, 1, 3, 4]].abs().max() == 0
    assert torch.allclose(found[..., 2], asr[..., 2] ** 2, atol=1e-4) and missing.abs().max() < 1e-3
    parts = attribute(OneFeature(), features, asr, decided)
    assert parts.sed.abs().max() < 1e-6 and torch.allclose(parts.asr, parts.total)
    assert parts.evidence[~decided].abs().max() == 0


def test_a_gradual_network_that_hears_one_recogniser_feature_only():
    features, asr, decided = streams()
    model = gradual()
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.weight[0, -5 + 1] = 2.0  # the second recogniser feature, which enters at the classifier
    parts = attribute(model, features, asr, decided)
    centred = asr[..., 1] - asr[..., 1].mean(1, keepdim=True)
    assert torch.allclose(parts.evidence, 2 * centred * decided / 4, atol=1e-5)
    assert parts.sed.abs().max() < 1e-5


def test_parts_add_up_where_the_streams_meet_in_the_recurrence():
    features, asr, decided = streams()
    model = gradual(asr_entry="gru")
    parts = attribute(model, features, asr, decided)
    weights = decided / 4.0
    with torch.no_grad():
        empty = [stream.mean(1, keepdim=True).expand_as(stream).contiguous() for stream in (features, asr)]
        total = ((model(features, asr) - model(*empty)) * weights).sum(1)
        added = ((model(features, asr) - model(features, empty[1])) * weights).sum(1)
    assert torch.allclose(parts.total, total, atol=1e-5) and torch.allclose(parts.sed + parts.asr, total, atol=1e-5)
    assert torch.allclose(parts.evidence.sum(1), added, atol=0.011)
    assert np.abs(parts.evidence.numpy()[~decided.numpy()]).max() > 0  # frames beside the decision reach it, too
