//! Identities read from configuration; one file for each dialect.
