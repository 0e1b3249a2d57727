//! Every number from (records, window, as-of). Pure.
