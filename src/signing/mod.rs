//! Signatures, shared by exceptions, records and seals.
