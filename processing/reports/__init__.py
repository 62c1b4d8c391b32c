"""One self-contained page per run, for people who were not there: verdict first, then why, then what to do."""
