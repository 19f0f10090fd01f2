"""Train a beta-VAE on one's own images (N, C, H, W) in [0, 1]; encode them; see what each latent changes."""

import torch
from torch import Tensor

from vision import VAE, models, objectives


def train(x: Tensor, latents: int = 10, *, beta: float = 4.0, steps: int = 5000, batch: int = 64) -> VAE:
    """The model that these images gave, frozen; `vae.encode(x).mean` are their codes (N, D)."""
    vae = models.vae(x.shape[1:], latents=latents)
    optimiser = torch.optim.Adam(vae.parameters(), lr=1e-3)
    for _ in range(steps):
        passed = objectives.forward(vae, x[torch.randint(len(x), (batch,))], objectives.Bernoulli())
        optimiser.zero_grad()
        objectives.beta_vae(passed, beta=beta).value.backward()
        optimiser.step()
    return vae.eval().requires_grad_(False)


def traverse(vae: VAE, x: Tensor, values: Tensor) -> Tensor:
    """One image (C, H, W) with each latent in turn set to each of `values` (S,): (D, S, C, H, W)."""
    z = vae.encode(x[None]).mean.repeat(vae.latents, len(values), 1)
    z.diagonal(dim1=0, dim2=2).copy_(values[:, None])
    return vae.decode(z.flatten(0, 1)).unflatten(0, (vae.latents, len(values)))
