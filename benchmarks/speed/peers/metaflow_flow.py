"""Metaflow: a process for each step."""

from __future__ import annotations

import answers
import work
from metaflow import FlowSpec, step


class Toy(FlowSpec):  # type: ignore[misc]
    """Six steps in a row; Metaflow wants the first and the last called so."""

    @step
    def start(self) -> None:
        """First step."""
        self.number = work.do("split", 0)
        self.next(self.train)

    @step
    def train(self) -> None:
        """Second step."""
        self.number = work.do("train", self.number)
        self.next(self.transform)

    @step
    def transform(self) -> None:
        """Third step."""
        self.number = work.do("transform", self.number)
        self.next(self.evaluate)

    @step
    def evaluate(self) -> None:
        """Fourth step."""
        self.number = work.do("evaluate", self.number)
        self.next(self.compare)

    @step
    def compare(self) -> None:
        """Fifth step."""
        self.number = work.do("compare", self.number)
        self.next(self.end)

    @step
    def end(self) -> None:
        """Sixth step."""
        self.number = work.do("register", self.number)
        answers.keep(self.number)


if __name__ == "__main__":
    Toy()
