//! One file for each format of each thing that is reported. Pure.
