"""What is learned from a shop's labelled products: damage rates, how far to trust them, and per-type suitability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.decisions.labels import training_table
from benchmarks.decisions.shop import Shop
from processing.architectures.ordinal.learning import Learned, Lesson, learn
from processing.architectures.ordinal.likelihood import Reports
from processing.architectures.ordinal.trees import DamageTrees, Recipe
from processing.decisions import Policy
from processing.decisions.arrays import Floats
from processing.features.raw import RawColumns
from processing.train import train
from rightpack.settings import Settings

CEILING_ROUNDS: Final = 300
CEILING_SHARE: Final = 0.4  # of the products' fitting types; the others change nothing but the time it takes


@dataclass(frozen=True, slots=True)
class Class:
    """Labelled products as the product's damage model sees them, and how it is to learn."""

    labelled: Shop
    lesson: Lesson
    recipe: Recipe

    @classmethod
    def of(cls, labelled: Shop, settings: Settings, threads: int) -> Class:
        """Look at all labelled products, whether or not anything was heard of them."""
        types, given = len(labelled.types), settings.damage_model.parameters
        recipe = Recipe.of(given, types=types, seed=settings.training.seed, threads=threads)
        dimensions = recipe.parameters["title_dimensions"]
        lesson = Lesson.of(labelled.table, labelled.counts, labelled.types, settings.features, dimensions=dimensions)
        return cls(labelled, lesson, recipe)

    def learn(self, settings: Settings, policy: Policy) -> Learned:
        """As the step Train does."""
        return learn(self.lesson, settings.labels, policy, self.recipe)

    def damage(self, trees: DamageTrees, asked: Shop) -> Floats:
        """Damage rates of the products asked about [products, types]."""
        seen = self.lesson.sight.matrix(RawColumns(asked.table, "the products asked about"))
        return trees.predict(seen.values, threads=self.recipe.threads)

    def ceiling(self) -> DamageTrees:
        """The same model and features, taught the truth about every product."""
        fits = self.labelled.offer().fits
        known = fits & (np.random.default_rng(7).random(fits.shape) < CEILING_SHARE)
        reports = Reports.of_truth(self.labelled.damage, known)
        return DamageTrees.fit(self.lesson.matrix, reports, self.recipe, CEILING_ROUNDS)


def suitability(labelled: Shop, asked: Shop, settings: Settings) -> Floats:
    """P(suitable) by one model per package type, as the training step makes them; the fallback suits by assumption."""
    chances = np.ones((len(asked), len(asked.types)))
    raw = RawColumns(asked.table, "the products asked about")
    for place, package in enumerate(asked.types):
        if package.trained:
            table = training_table(labelled, place, settings.labels)
            chances[:, place] = train(table, package.name, settings).score(raw)
    return chances
