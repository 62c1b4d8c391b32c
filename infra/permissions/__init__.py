"""What each role may do, as pure lists of statements; one reason for every wildcard."""
