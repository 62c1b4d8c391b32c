"""Bring your own: products and labels from CSV or Parquet files into the tables' own form."""

from __future__ import annotations

from processing.intake.deliver import IntakeReport, deliver
from processing.intake.labels import read_labels
from processing.intake.mapping import ColumnMapping, FileFormat, Outcome
from processing.intake.parts import Part, copy_manifest, write_parts
from processing.intake.products import read_products
from processing.intake.sieve import QUARANTINE, Sifted

__all__ = [
    "QUARANTINE",
    "ColumnMapping",
    "FileFormat",
    "IntakeReport",
    "Outcome",
    "Part",
    "Sifted",
    "copy_manifest",
    "deliver",
    "read_labels",
    "read_products",
    "write_parts",
]
