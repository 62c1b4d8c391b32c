"""The PostgreSQL wire protocol as Redshift speaks it, on 127.0.0.1 only, so that genuine drivers connect."""
