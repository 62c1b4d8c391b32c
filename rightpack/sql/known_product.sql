SELECT product_id FROM ${schema}.products WHERE product_id = ${product_id}
