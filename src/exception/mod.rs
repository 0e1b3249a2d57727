//! Signed, dated permission.
