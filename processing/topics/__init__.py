"""Topics of product texts in three layers: learned one after the other, revised by people in between."""
