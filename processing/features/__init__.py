"""From raw columns to the numbers that models see; the same code in training and in serving."""
