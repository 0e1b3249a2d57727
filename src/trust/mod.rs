//! What is believed: read from the trust commit, never from the head.
