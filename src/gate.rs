//! The whole run as one short function; fails closed.
