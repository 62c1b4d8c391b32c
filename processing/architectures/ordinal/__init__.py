"""One model of damage in all package types, learned from counts of shipments and tests: the target `every-type`.

Rows are what was observed: so many units of a product in a package type, so many of them bad. The protection rank is a
feature like any other, so what was learned in one type helps its neighbours.

`counts` is the evidence, `likelihood` what it says about damage rates, `trees` the booster, `sight` how it sees a
product, `policy` how far held-out tests support deciding by it, `learning` puts them together, `model` is the result.
"""
