"""What people are told about: each watch says what has happened, what it means and what to do."""
