from __future__ import annotations

import pytest

from local_cloud.wire import AwsError
from tests.unit.local_cloud.redshift.conftest import TARGET, Warehouse


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    warehouse.run(
        "CREATE SCHEMA packaging",
        "CREATE TABLE packaging.products (product_id BIGINT NOT NULL, title VARCHAR(10), price DECIMAL(8,2))",
        "CREATE VIEW packaging.cheap AS SELECT title FROM packaging.products WHERE price < 1",
        "CREATE TABLE other (x INTEGER)",
    )
    return warehouse


def test_schemas_and_tables_are_listed_by_pattern(filled: Warehouse) -> None:
    assert filled.ask("ListSchemas", **TARGET)["Schemas"] == ["packaging", "public"]
    assert filled.ask("ListSchemas", SchemaPattern="pack%", **TARGET)["Schemas"] == ["packaging"]
    assert filled.ask("ListTables", **TARGET)["Tables"] == [
        {"schema": "packaging", "name": "cheap", "type": "VIEW"},
        {"schema": "packaging", "name": "products", "type": "TABLE"},
        {"schema": "public", "name": "other", "type": "TABLE"},
    ]
    found = filled.ask("ListTables", SchemaPattern="packaging", TablePattern="p_oducts", **TARGET)["Tables"]
    assert [table["name"] for table in found] == ["products"]
    page = filled.ask("ListTables", MaxResults=2, **TARGET)
    assert len(filled.ask("ListTables", NextToken=page["NextToken"], **TARGET)["Tables"]) == 1


def test_databases_are_listed(filled: Warehouse) -> None:
    filled.ask("ListSchemas", WorkgroupName="rightpack-dev", Database="second")
    assert filled.ask("ListDatabases", **TARGET)["Databases"] == ["rightpack", "second"]


def test_a_table_is_described(filled: Warehouse) -> None:
    answer = filled.ask("DescribeTable", Schema="packaging", Table="products", **TARGET)
    assert answer["TableName"] == "products"
    shown = [(c["name"], c["typeName"], c["nullable"], c["length"], c["precision"]) for c in answer["ColumnList"]]
    assert shown == [
        ("product_id", "int8", 0, 0, 0),
        ("title", "varchar", 1, 10, 0),
        ("price", "numeric", 1, 0, 8),
    ]
    with pytest.raises(AwsError, match="does not exist"):
        filled.ask("DescribeTable", Table="products", **TARGET)
