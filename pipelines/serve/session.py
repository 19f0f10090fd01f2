"""A concept model, and what the page asks of it.

Nothing here is safe for threads: the application lets one thread use a session, one request after another.
Concepts that are taught are kept with the run where it can be written (`pipelines.serve.keeping`), and end
with the session otherwise.
"""

import base64
import io
import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pipelines.errors import RunError, counted
from pipelines.serve import schemas
from pipelines.serve.keeping import keep, remove
from pipelines.serve.uploads import MOST_PIXELS, read_upload
from scan.concept_model import ConceptModel
from scan.meaning import Meaning
from scan.mixture import odds_reader
from scan.teaching import TaughtConcept, check_count, check_new
from symbols import Concept, Expression, Vocabulary, alternatives, children, evaluate, parents
from vision.data import to_bytes
from vision.gaussian import ACTIVE, Gaussian

SHOWN_SAMPLES = 4
"""Images of the concept in the middle of the hierarchy."""
MOST_NEIGHBOURS = 128
"""Concepts of the hierarchy that are shown with an image."""
SHOWN_LEARNED = 8
"""Images of a concept that was just taught."""
MOST_TAUGHT = 100
THRESHOLD = 0.5
"""The probability from which a named concept counts as shown."""


class Session:
    """A model in use.

    Args:
        model: The concept model, on the CPU.
        name: Of the run.
        kl_per_latent: (D,) nats from the prior, mean over test images; None where they are not known: all
            latents count as used then.
        run: The run folder in which taught words are kept; None keeps none.
        most_pixels: Of a picture in a request.
    """

    def __init__(
        self,
        model: ConceptModel,
        name: str,
        kl_per_latent: Sequence[float] | None = None,
        *,
        run: Path | None = None,
        most_pixels: int = MOST_PIXELS,
    ) -> None:
        self.model, self.name, self.run, self.most_pixels = model, name, run, most_pixels
        self.kept = set(model.taught) if run is not None else set()
        self.taught = {name: _summary(word, model.meaning(name)) for name, word in model.taught.items()}
        nats = list(kl_per_latent) if kl_per_latent is not None else [math.inf] * model.latents
        order = sorted(range(model.latents), key=lambda k: -nats[k])
        used = [k for k in order if nats[k] > ACTIVE] or order[:1]
        self.latents = [schemas.LatentInfo(index=k, nats=nats[k]) for k in used]

    @property
    def vocabulary(self) -> Vocabulary:
        """The words, without what was taught."""
        return self.model.vocabulary

    def describe_model(self) -> schemas.ModelAnswer:
        """What the model knows."""
        return schemas.ModelAnswer(
            name=self.name,
            shape=list(self.model.shape),
            attributes=[
                schemas.AttributeInfo(name=a.name, values=list(a.values), binary=a.binary)
                for a in self.vocabulary.attributes
            ],
            aliases={name: str(concept) for name, concept in self.vocabulary.aliases.items()},
            taught=self.taught,
            operators=self.model.operators is not None,
            latents=self.latents,
            latent_count=self.model.latents,
        )

    def read_expression(self, text: str) -> schemas.ConceptAnswer:
        """What an expression means."""
        return schemas.ConceptAnswer(**self._meaning(self._parse(text)))

    def sym2img(
        self, text: str, n: int, seed: int, *, complete: bool = False, mean: bool = False
    ) -> schemas.Sym2imgAnswer:
        """Images of an expression, or of its completions."""
        expression, noise = self._parse(text), torch.Generator().manual_seed(seed)
        completions: list[dict[str, str]] = []
        if complete:
            completed = self.model.complete(expression, n, noise, mean=mean)
            x, completions = completed.images, [dict(one.items()) for one in completed.concepts]
        else:
            x = self.model.sym2img(expression, n, noise, mean=mean)
        meaning = self._meaning(expression)
        return schemas.Sym2imgAnswer(**meaning, seed=seed, images=_encoded(x), completions=completions)

    def img2sym(self, encoded: str) -> schemas.Reading:
        """A description of a picture."""
        pixels, note = read_upload(encoded, self.model.picture_target, self.most_pixels)
        x = (pixels.float() / 255)[None]
        return schemas.Reading(**self._reading(x, self.model.encode_image(x).mean, note))

    def edit(self, encoded: str, text: str) -> schemas.EditAnswer:
        """A picture of which an expression has become true."""
        pixels, note = read_upload(encoded, self.model.picture_target, self.most_pixels)
        edit = self.model.edit(pixels, self._parse(text))
        reading = self._reading(edit.images, self.model.encode_image(edit.images).mean, note)
        (changes,) = edit.changes()
        moved = [schemas.Move(**one._asdict()) for one in changes if one.before != one.after]
        reached = None if edit.reached is None else edit.reached[0]
        return schemas.EditAnswer(**reading, changes=moved, reached=reached)

    def decode(self, latents: Sequence[float]) -> schemas.Reading:
        """The image that latents decode to, and its description.

        Raises:
            ValueError: For another number of latents than the model's.
        """
        if len(latents) != self.model.latents:
            raise ValueError(f"expected {self.model.latents} latents, got {len(latents)}")
        z = torch.tensor([latents], dtype=torch.float32)
        return schemas.Reading(**self._reading(None, z, ""))

    def hierarchy(self, text: str) -> schemas.HierarchyAnswer:
        """A concept and its neighbours, each with an image; all images are drawn with the same noise."""
        expression = self._parse(text)
        concept = evaluate(expression)
        above = [(c, _difference(concept, c)) for c in parents(self.vocabulary, concept)]
        below = [(c, _difference(c, concept)) for c in children(self.vocabulary, concept)]
        listed = above + below
        shown = [c for c, _ in listed[:MOST_NEIGHBOURS]]
        images: list[str | None] = [*self._images_of(shown)] if shown else []
        images += [None] * (len(listed) - len(shown))
        neighbours = [
            schemas.Neighbour(concept=str(c), attribute=name, value=value, image=image)
            for (c, (name, value)), image in zip(listed, images, strict=True)
        ]
        meaning = self._meaning(concept)
        x = self.model.sym2img(concept, SHOWN_SAMPLES, torch.Generator().manual_seed(0))
        return schemas.HierarchyAnswer(
            **meaning, images=_encoded(x), parents=neighbours[: len(above)], children=neighbours[len(above) :]
        )

    def teach(self, name: str, encoded: Iterable[str]) -> schemas.TeachAnswer:
        """Learn what a name means from pictures.

        Raises:
            ValueError: For a name that is taken, too few different pictures, and when too many words are
                taught.
        """
        check_new(name, self.vocabulary, self.taught)
        uploads = list(encoded)
        check_count(name, len(uploads))
        if len(self.taught) >= MOST_TAUGHT:
            raise ValueError(f"{MOST_TAUGHT} concepts are taught: forget one first")
        pictures = [read_upload(one, self.model.picture_target, self.most_pixels).pixels for one in uploads]
        taught = self.model.teach(name, torch.stack(pictures))
        meaning = self.model.meaning(name)
        self.taught = {**self.taught, name: _summary(taught, meaning)}
        lost = self._keep(taught)
        x = self.model.sym2img(taught.q, SHOWN_LEARNED, torch.Generator().manual_seed(0))
        return schemas.TeachAnswer(
            name=name,
            meaning=self.taught[name],
            nats=meaning.nats,
            latents=[schemas.LatentInfo(index=k, nats=nats) for k, nats in meaning.specific],
            nearest={one.name: one.nats for one in meaning.nearest},
            kept=not lost,
            note=lost,
            images=_encoded(x),
        )

    def _keep(self, word: TaughtConcept) -> str:
        """Keep a word with the run; returns why it will be lost, or "" where it is kept."""
        why = "no run folder is served"
        if self.run is not None:
            try:
                keep(self.run, word)
            except RunError as error:
                why = str(error)
            else:
                self.kept.add(word.name)
                return ""
        return f"known until the server ends, it could not be kept with the run: {why}"

    def forget(self, name: str) -> None:
        """Forget a taught concept, in the run too.

        Raises:
            KeyError: When it was not taught.
            ValueError: When it is kept with the run, which cannot be written now; it is not forgotten then.
        """
        word = self.model.taught[name]
        if self.run is not None and name in self.kept:
            try:
                remove(self.run, word)
            except RunError as error:
                raise ValueError(f'"{name}" is kept with the run and cannot be forgotten: {error}') from error
            self.kept.remove(name)
        self.model.forget(name)
        self.taught = {other: meaning for other, meaning in self.taught.items() if other != name}

    def _parse(self, text: str) -> Expression:
        """An expression that some image can show."""
        expression = self.model.parse(text) if text.strip() else Concept()
        alternatives(expression, self.vocabulary)
        return expression

    def _meaning(self, expression: Expression) -> dict:
        plain = isinstance(expression, Concept)
        try:
            concept = evaluate(expression)
        except ValueError:  # OR, NOT and taught words stand for no single concept
            return {"concept": str(expression), "items": {}, "plain": plain}
        return {"concept": str(concept), "items": dict(concept.items()), "plain": plain}

    def _reading(self, x: Tensor | None, z: Tensor, note: str) -> dict:
        """The fields of a `Reading` of an image (1, C, H, W), or of what its code z (1, D) decodes to."""
        (reconstruction,) = _encoded(self.model.decode_image(z))
        described = self.model.describe(z)
        (record,) = described.to_dicts()
        named = {name: p for name, p in record["concepts"].items() if name in self.vocabulary.aliases}
        for name, taught in self.model.taught.items():
            p = float(odds_reader(taught.q)(z))
            if p >= THRESHOLD:
                named[name] = round(p, 4)
        return {
            "image": reconstruction if x is None else _encoded(x)[0],
            "reconstruction": reconstruction,
            "note": note,
            "description": record["description"],
            "probabilities": record["probabilities"],
            "concepts": named,
            "latents": [round(value, 4) for value in z[0].tolist()],
        }

    def _images_of(self, concepts: Sequence[Concept]) -> list[str]:
        """One image of each concept, drawn with the same noise."""
        q = self.model.ground_concepts(concepts)
        noise = torch.randn(1, self.model.latents, generator=torch.Generator().manual_seed(0))
        return _encoded(self.model.decode_image(_displaced(q, noise)))


def _displaced(q: Gaussian, noise: Tensor) -> Tensor:
    return q.mean + q.std * noise


def _summary(taught: TaughtConcept, meaning: Meaning) -> str:
    """What a taught concept means, in one line."""
    nearest = ", ".join(f"{one.name} ({one.nats:.1f} nats)" for one in meaning.nearest[:3])
    sizes = f"{counted(taught.images, 'image')}, {counted(len(meaning.specific), 'latent')}"
    return f"{sizes}; nearest: {nearest}"


def _difference(larger: Concept, smaller: Concept) -> tuple[str, str]:
    """The attribute and value that one concept has more than the other."""
    (item,) = set(larger.items()) - set(smaller.items())
    return item


def _encoded(x: Tensor) -> list[str]:
    """Images (N, C, H, W) in [0, 1] as the base64 of PNG files."""
    return [base64.b64encode(_png(image)).decode() for image in to_bytes(x)]


def _png(image: Tensor) -> bytes:
    """An image uint8 (C, H, W) as the content of a PNG file.

    As `vision.grids.png`, but packed for speed, by runs alone: less than half of its time at 32x32
    pixels.
    """
    pixels = image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
