//! Findings from blobs and identities. Pure.
