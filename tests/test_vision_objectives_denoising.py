"""The denoising objective: the clean image is the target, in the colour space of the network."""

import torch

from vision.colour import CyclicHSV
from vision.dae import DAE, occlude
from vision.objectives import denoising

SHAPE = (3, 16, 16)


def images(n: int = 5) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(2))


def seeded_generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_denoising_wants_the_uncorrupted_image():
    model, x = DAE(SHAPE, 6, widths=(8, 8)), images()
    restored = model(occlude(x, seeded_generator())).sigmoid()
    expected = (restored - x).square().sum((1, 2, 3)).mean()
    loss = denoising(model, x, seeded_generator())
    assert not loss.terms
    assert torch.allclose(loss.value, expected)
    loss.value.backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_denoising_in_another_colour_space_still_cuts_out_black():
    colour, x = CyclicHSV(), images()
    model = DAE(SHAPE, 6, widths=(8, 8), colour=colour)
    seen = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    loss = denoising(model, x, seeded_generator())
    corrupted = colour.encode(occlude(x, seeded_generator()))
    assert torch.equal(seen[0], corrupted)
    expected = (model(corrupted).sigmoid() - colour.encode(x)).square().sum((1, 2, 3)).mean()
    assert torch.allclose(loss.value, expected)
