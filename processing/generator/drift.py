"""What may change or break from some week on, to show that monitors and gates notice it."""

from __future__ import annotations

from dataclasses import dataclass

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class BadLabels:
    """A broken labelling job: from `week` on, each week, lab tests with random outcomes for one package type.

    `share` is the share of the products that fit the type and get such a test. Lab tests overrule feedback, so with
    half of the products or more the labels of this type mean nothing.
    """

    week: int
    package_type: str
    share: float = 0.8


@dataclass(frozen=True, slots=True)
class Drift:
    """Switches, each the first week in which it acts, or None.

    Attributes:
        covariate: new products are glass and furniture two and a half times as often.
        concept: the cushion of `concept_type` is half as thick (the supplier changed), so it damages more.
        announced: feedback from the concept drift on names a new version of `concept_type`, as of a shop that knows of
            the change.
        label: customers report 40 % of the damage instead of 60 %.
        data: the product table is corrupted: inches taken for centimetres, no weights of one brand, repeated product
            ids and a category that nobody has seen before.
        bad_labels: see `BadLabels`.
    """

    covariate: int | None = None
    concept: int | None = None
    label: int | None = None
    data: int | None = None
    bad_labels: BadLabels | None = None
    concept_type: str = "padded-mailer"
    announced: bool = False

    def check(self, names: tuple[str, ...]) -> None:
        """Raise SettingsError if a switch names a package type that does not exist."""
        named = [self.concept_type] if self.concept is not None else []
        named += [self.bad_labels.package_type] if self.bad_labels else []
        for name in named:
            if name not in names:
                raise SettingsError(f"Drift names package type {name!r}; there are {', '.join(names)}.")
        if self.bad_labels and not 0 < self.bad_labels.share <= 1:
            raise SettingsError(f"The share of bad labels is {self.bad_labels.share}; it must be in (0, 1].")


def acts(switch: int | None, week: int) -> bool:
    """Whether a switch acts in a week."""
    return switch is not None and week >= switch
