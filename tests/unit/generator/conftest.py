from __future__ import annotations

import pytest

from processing.generator import Catalogue
from rightpack.packaging import PackageType
from rightpack.settings import Settings


@pytest.fixture(scope="session")
def package_types() -> tuple[PackageType, ...]:
    return Settings.load("dev").package_types


@pytest.fixture(scope="session")
def catalogue(package_types) -> Catalogue:
    return Catalogue(7, 20_000, package_types)


@pytest.fixture(scope="session")
def small(package_types) -> Catalogue:
    return Catalogue(7, 600, package_types, growth=0.05)
