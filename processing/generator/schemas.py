"""Arrow schemas of the generated tables; names and order are those of the warehouse."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

TIMESTAMP: Final = pa.timestamp("us")

PRODUCTS: Final = pa.schema(
    [
        ("product_id", pa.string()),
        ("title", pa.string()),
        ("category", pa.string()),
        ("brand", pa.string()),
        ("primary_pack", pa.string()),
        ("length_cm", pa.float64()),
        ("width_cm", pa.float64()),
        ("height_cm", pa.float64()),
        ("weight_g", pa.float64()),
        ("price", pa.float64()),
        ("is_fragile", pa.int16()),
        ("is_liquid", pa.int16()),
        ("first_seen_at", TIMESTAMP),
        ("updated_at", TIMESTAMP),
        ("is_active", pa.int16()),
    ]
)

FEEDBACK: Final = pa.schema(
    [
        ("feedback_id", pa.string()),
        ("product_id", pa.string()),
        ("package_type", pa.string()),
        ("package_type_version", pa.int32()),
        ("source", pa.string()),
        ("n_units", pa.int32()),
        ("n_bad", pa.int32()),
        ("observed_at", TIMESTAMP),
        ("ingested_at", TIMESTAMP),
    ]
)

TRUTH: Final = pa.schema(
    [
        ("product_id", pa.string()),
        ("package_type", pa.string()),
        ("damage", pa.float64()),
        ("fits", pa.bool_()),
        ("suitable", pa.bool_()),
        ("pack_cost", pa.float64()),
        ("pack_grams", pa.float64()),
    ]
)
